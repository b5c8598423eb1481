"""Who is here: accounts, sessions, tokens, second factors, OpenID Connect, rights and access scopes."""
