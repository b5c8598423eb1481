"""What is true: models, sessions, migrations, guarded status changes and the hash-chained ledger."""
