"""Sizer: how many contracts the account's tier allows, reserved so that no dollar is spent twice."""
