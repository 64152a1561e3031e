//! The words of the demo.

/// The Applications; the first has most of the keys.
pub(super) const APPLICATIONS: [&str; 4] = ["Storefront", "Loyalty", "Warehouse", "Billing"];

/// Who works there, and login numbers that no system gives out. The second is away, the third has left.
pub(super) const COLLEAGUES: [(&str, u32); 5] = [
    ("ana", 3_000_000_001),
    ("ben", 3_000_000_002),
    ("chloe", 3_000_000_003),
    ("dmitri", 3_000_000_004),
    ("emeka", 3_000_000_005),
];

/// What keys are for.
pub(super) const PURPOSES: [&str; 24] = [
    "Checkout",
    "Order export",
    "Price feed",
    "Stock sync",
    "Newsletter",
    "Abandoned carts",
    "Loyalty points",
    "Returns portal",
    "Gift cards",
    "Store finder",
    "Data warehouse",
    "Fraud check",
    "Shipping labels",
    "Product reviews",
    "Customer import",
    "Push messages",
    "Tax report",
    "Invoices",
    "Mobile app",
    "Till",
    "Recommendations",
    "Search index",
    "Monitoring",
    "Nightly backup",
];

/// Where they are used.
pub(super) const PLACES: [&str; 8] = ["", "EU", "US", "Japan", "staging", "batch", "2", "Überlingen"];
