"""What pages are made of: templates, words, times, navigation, cursors, charts, the API's description."""
