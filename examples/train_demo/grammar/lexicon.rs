//! The words. Order matters: earlier entries are drawn more often.

/// A verb's base form, past tense and past participle.
pub(crate) type Verb = [&'static str; 3];

/// A kind of thing: its general noun, its members, and the verbs that suit them.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) members: &'static [&'static str],
    pub(crate) verbs: &'static [Verb],
}

/// Verbs that suit any thing.
pub(crate) const HANDLE: &[Verb] = &[
    ["buy", "bought", "bought"],
    ["sell", "sold", "sold"],
    ["find", "found", "found"],
    ["lose", "lost", "lost"],
    ["draw", "drew", "drawn"],
    ["carry", "carried", "carried"],
    ["photograph", "photographed", "photographed"],
    ["hide", "hid", "hidden"],
    ["inspect", "inspected", "inspected"],
    ["deliver", "delivered", "delivered"],
    ["choose", "chose", "chosen"],
    ["steal", "stole", "stolen"],
    ["describe", "described", "described"],
    ["weigh", "weighed", "weighed"],
];

pub(crate) const KINDS: &[Kind] = &[
    Kind {
        name: "fruit",
        members: &["apple", "lemon", "pear", "peach", "banana", "melon", "mango", "plum"],
        verbs: &[["eat", "ate", "eaten"], ["peel", "peeled", "peeled"], ["slice", "sliced", "sliced"]],
    },
    Kind {
        name: "vegetable",
        members: &["carrot", "onion", "cabbage", "pumpkin", "turnip", "leek", "radish"],
        verbs: &[["chop", "chopped", "chopped"], ["boil", "boiled", "boiled"], ["peel", "peeled", "peeled"]],
    },
    Kind {
        name: "vehicle",
        members: &["car", "truck", "bicycle", "van", "tractor", "motorcycle", "wagon"],
        verbs: &[
            ["repair", "repaired", "repaired"],
            ["wash", "washed", "washed"],
            ["drive", "drove", "driven"],
        ],
    },
    Kind {
        name: "instrument",
        members: &["guitar", "piano", "violin", "drum", "flute", "trumpet", "cello", "harp"],
        verbs: &[
            ["play", "played", "played"],
            ["tune", "tuned", "tuned"],
            ["repair", "repaired", "repaired"],
        ],
    },
    Kind {
        name: "garment",
        members: &["coat", "shirt", "jacket", "scarf", "dress", "sweater", "skirt"],
        verbs: &[["iron", "ironed", "ironed"], ["wash", "washed", "washed"], ["fold", "folded", "folded"]],
    },
    Kind {
        name: "animal",
        members: &["dog", "horse", "cat", "goat", "rabbit", "parrot", "donkey", "hamster"],
        verbs: &[["feed", "fed", "fed"], ["brush", "brushed", "brushed"], ["chase", "chased", "chased"]],
    },
    Kind {
        name: "tool",
        members: &["hammer", "saw", "drill", "shovel", "wrench", "ladder", "chisel"],
        verbs: &[
            ["borrow", "borrowed", "borrowed"],
            ["use", "used", "used"],
            ["clean", "cleaned", "cleaned"],
        ],
    },
    Kind {
        name: "book",
        members: &["novel", "diary", "atlas", "dictionary", "cookbook", "biography"],
        verbs: &[
            ["read", "read", "read"],
            ["translate", "translated", "translated"],
            ["print", "printed", "printed"],
        ],
    },
    Kind {
        name: "flower",
        members: &["rose", "tulip", "lily", "daisy", "orchid", "sunflower"],
        verbs: &[["plant", "planted", "planted"], ["water", "watered", "watered"], ["cut", "cut", "cut"]],
    },
];

pub(crate) const OCCUPATIONS: &[&str] = &[
    "doctor",
    "teacher",
    "farmer",
    "lawyer",
    "nurse",
    "painter",
    "baker",
    "driver",
    "singer",
    "pilot",
    "student",
    "gardener",
    "librarian",
    "plumber",
    "dentist",
    "waiter",
    "tailor",
    "mechanic",
    "carpenter",
    "engineer",
    "actor",
    "poet",
    "sailor",
    "judge",
    "banker",
    "barber",
    "butcher",
    "clerk",
    "dancer",
    "detective",
    "editor",
    "guard",
    "historian",
    "hunter",
    "mayor",
    "priest",
    "scientist",
    "surgeon",
];

pub(crate) const NAMES: &[&str] = &[
    "Anna", "Peter", "Maria", "David", "Laura", "Thomas", "Julia", "Martin", "Sophie", "Robert", "Emma",
    "Daniel", "Clara", "Simon", "Helen", "Victor", "Alice", "Oscar", "Nora", "Felix", "Irene", "Hugo",
];

/// What one person does to another.
pub(crate) const MEETINGS: &[Verb] = &[
    ["thank", "thanked", "thanked"],
    ["visit", "visited", "visited"],
    ["help", "helped", "helped"],
    ["call", "called", "called"],
    ["follow", "followed", "followed"],
    ["praise", "praised", "praised"],
    ["invite", "invited", "invited"],
    ["greet", "greeted", "greeted"],
    ["interview", "interviewed", "interviewed"],
    ["criticize", "criticized", "criticized"],
    ["recognize", "recognized", "recognized"],
    ["ignore", "ignored", "ignored"],
    ["hire", "hired", "hired"],
    ["warn", "warned", "warned"],
    ["rescue", "rescued", "rescued"],
    ["blame", "blamed", "blamed"],
];

/// What people do without an object.
pub(crate) const ALONE: &[Verb] = &[
    ["laugh", "laughed", "laughed"],
    ["sing", "sang", "sung"],
    ["wait", "waited", "waited"],
    ["dance", "danced", "danced"],
    ["sleep", "slept", "slept"],
    ["shout", "shouted", "shouted"],
    ["rest", "rested", "rested"],
    ["cry", "cried", "cried"],
    ["smile", "smiled", "smiled"],
    ["swim", "swam", "swum"],
    ["complain", "complained", "complained"],
];

/// People who come in groups, in the plural.
pub(crate) const GROUPS: &[&str] = &[
    "students",
    "guests",
    "workers",
    "children",
    "tourists",
    "players",
    "soldiers",
    "visitors",
    "voters",
    "passengers",
    "musicians",
];

/// What singles out a part of a group.
pub(crate) const GROUP_ADJECTIVES: &[&str] = &["young", "tired", "foreign", "hungry", "new", "angry"];

pub(crate) const PLACES: &[&str] = &[
    "kitchen", "garden", "library", "office", "market", "museum", "garage", "school", "hospital", "park",
    "church", "theater", "attic", "cellar", "harbor",
];

pub(crate) const DAYS: &[&str] =
    &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

pub(crate) const COLORS: &[&str] = &["red", "blue", "green", "white", "black", "yellow", "brown", "gray"];

/// Adjectives of things with a synonym (or the same word again) and an opposite.
pub(crate) const QUALITIES: &[[&str; 3]] = &[
    ["large", "big", "small"],
    ["small", "little", "large"],
    ["expensive", "costly", "cheap"],
    ["cheap", "inexpensive", "expensive"],
    ["old", "aged", "new"],
    ["clean", "spotless", "dirty"],
    ["dirty", "filthy", "clean"],
    ["light", "light", "heavy"],
    ["heavy", "weighty", "light"],
    ["beautiful", "pretty", "ugly"],
    ["ugly", "unsightly", "beautiful"],
];

/// Comparatives with their converses.
pub(crate) const COMPARATIVES: &[[&str; 2]] = &[
    ["taller", "shorter"],
    ["older", "younger"],
    ["richer", "poorer"],
    ["faster", "slower"],
    ["stronger", "weaker"],
];

pub(crate) const NUMBERS: &[&str] = &[
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
];

/// Sentences about nobody, for length and distraction.
pub(crate) const SCENES: &[&str] = &[
    "it was raining",
    "the weather was cold",
    "the streets were quiet",
    "the town was full of visitors",
    "the shops were still closed",
    "there was a festival in the town",
    "the radio was on",
    "the evening was unusually warm",
];

/// Ways to begin a sentence that leave what follows as true as before.
pub(crate) const OPENINGS: &[&str] = &[
    "as everyone knows,",
    "during the holidays,",
    "on that day,",
    "last week,",
    "to nobody's surprise,",
    "in the end,",
];
