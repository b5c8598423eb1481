"""Pictures from outside, judged by their first bytes before anybody decodes them."""
