//! The names and prices of the demo workspace.

pub(super) const PEOPLE: [(&str, &str); 5] = [
    ("Julia", "Brandt"),
    ("Amir", "Haddad"),
    ("Sofia", "Lindqvist"),
    ("Tom", "Okafor"),
    ("Mei", "Tanaka"),
];

pub(super) const ORGANIZATIONS: [&str; 12] = [
    "Initech",
    "Northwind Traders",
    "Hansen & Söhne Logistik",
    "Blue Harbor Clinics",
    "Quarry Lane Studios",
    "Fjord Energy",
    "Castellan Insurance",
    "Mirabel Foods",
    "Orchard Robotics",
    "Lumen Optics",
    "Delta Works Engineering",
    "Papeterie Dubois",
];

pub(super) const CONTACTS: [(&str, &str); 30] = [
    ("Max", "Mustermann"),
    ("Ada", "Byron"),
    ("Lucía", "Fernández"),
    ("Noah", "Becker"),
    ("Ingrid", "Solberg"),
    ("Kofi", "Mensah"),
    ("Claire", "Dubois"),
    ("Rahul", "Iyer"),
    ("Hannah", "Schmidt"),
    ("Mateo", "Rossi"),
    ("Zoë", "van Dijk"),
    ("Jonas", "Hansen"),
    ("Priya", "Nair"),
    ("Oliver", "Grant"),
    ("Emilia", "Kowalska"),
    ("Samuel", "Adeyemi"),
    ("Nora", "Lindgren"),
    ("Victor", "Moreau"),
    ("Yuki", "Sato"),
    ("Elena", "Petrova"),
    ("Ben", "Carter"),
    ("Fatima", "Zahra"),
    ("Leon", "Wagner"),
    ("Grace", "O'Neill"),
    ("Tomás", "Silva"),
    ("Ana", "Horvat"),
    ("Felix", "Braun"),
    ("Chloé", "Martin"),
    ("Daniel", "Kim"),
    ("Marta", "Nowak"),
];

/// Name, price.
pub(super) const SERVICES: [(&str, &str); 8] = [
    ("Consulting, per hour", "145"),
    ("Workshop, one day", "1900"),
    ("Setup fee", "750"),
    ("Support plan, per month", "320.50"),
    ("Data migration", "4200"),
    ("Training, per seat", "89.90"),
    ("Security review", "2600"),
    ("On-call, per hour", "210"),
];

pub(super) const DEALS: [&str; 14] = [
    "Q2 contract",
    "Warehouse rollout",
    "Clinic onboarding",
    "Annual support",
    "Pilot project",
    "Security audit",
    "CRM migration",
    "Team training",
    "Expansion to Oslo",
    "Renewal 2027",
    "Data clean-up",
    "Studio retainer",
    "Claims workflow",
    "Robotics integration",
];

pub(super) const TASKS: [&str; 12] = [
    "Send the revised offer",
    "Call back about the pilot",
    "Prepare the kick-off agenda",
    "Check the contract with legal",
    "Book the workshop room",
    "Collect references",
    "Write the migration plan",
    "Follow up after the demo",
    "Update the price list",
    "Invite the security team",
    "Plan the training week",
    "Thank Max for the introduction",
];

/// Options of the stage of a deal, with a colour each; the first is the default.
pub(super) const STAGES: [(&str, &str); 5] = [
    ("Lead", "#94a3b8"),
    ("Qualified", "#38bdf8"),
    ("Proposal", "#fbbf24"),
    ("Won", "#22c55e"),
    ("Lost", "#ef4444"),
];

/// Options of the priority of a task.
pub(super) const PRIORITIES: [(&str, &str); 3] = [
    ("Low", "#94a3b8"),
    ("Normal", "#38bdf8"),
    ("High", "#ef4444"),
];
