"""The command: every process, the supervisor, the embedded servers, the staged cameras."""
