"""Messages to a tenant's gateway, where the campaign's switch sends none: an order leaves at most once, and its receipt
comes back signed.
"""
