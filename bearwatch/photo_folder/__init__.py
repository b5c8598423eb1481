"""A folder of photographs from trail cameras: which of them show a bear. `bearwatch sort` is its command."""
