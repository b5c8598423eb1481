"""The ground floor: settings, configuration, messages, streams, jobs, media, clock. Imports no other room."""
