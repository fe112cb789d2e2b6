"""The tenants' message gateways."""
