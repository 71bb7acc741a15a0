from controlplane.lib.errors import Conflict


class BudgetExceeded(Conflict):
    """What the call may cost does not fit into a budget that covers it. Nothing was reserved."""

    code, title = "budget_exceeded", "The budget does not allow this"


class BudgetMissing(BudgetExceeded):
    """Without a budget for the tenant nothing may be spent."""

    code, title = "budget_missing", "The tenant has no budget"


class PriceUnknown(BudgetExceeded):
    """What has no price cannot be held against a budget."""

    code, title = "price_unknown", "The price of this is not known"
