"""The processes of a site, a module each; `bearwatch up` starts them all."""
