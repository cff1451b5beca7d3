"""What the tokenizers of `make_text.py` learn from, and what they are tried on."""

CORPUS = """
A man in a red jacket is riding a bicycle down the street while two dogs run after him.
Nobody is outdoors because it has been raining since the early morning.
The children are playing football in the park near the old railway station.
Several people wait for the train, reading newspapers and drinking coffee.
She did not agree with the committee, although its members had been unanimous.
The price rose from 12.50 to 13.75 dollars between March and April 1998.
A woman slices an onion; another one peels potatoes for the soup.
Is the restaurant open on Sundays? Yes, but only until three o'clock.
The musician plays the guitar, the audience is listening and somebody sings along.
An elderly couple walks along the beach, holding hands and talking quietly.
Those who had doubts were asked to raise their hands; few of them did so.
He's the one who doesn't like the movie, isn't he?
The boys are sleeping. The girls are awake. The teacher is talking about history.
Le café est fermé, mais la boulangerie d'à côté est ouverte.
Der Hund läuft schnell über die Straße.
"""

TEXTS = [
    "A man is riding a bicycle.",
    "The children are playing football in the park near the station, although it has been raining.",
    "NOBODY waits for the Train!",
    "Is the café open?  Yes -- until 3 o'clock; she doesn't agree.",
    "Straße, naïveté and Ångström \u2026",
    "unbelievably restaurant-like (12.50 \u20ac)",
    "\u5317\u4eac \U0001f600 ok",
    " leading and trailing\tblanks\n",
    "``quoted'' \"text\" and ﬁne \uff21\uff22\u00a0x\u00bd",
    "",
]

PAIRS = [
    ("Two dogs run after a man in a red jacket.", "The man is outdoors."),
    ("An elderly couple walks along the beach.", "Nobody is awake; the teacher sings."),
    ("She did not agree.", "The committee's members were unanimous, but few of them raised their hands, did they?"),
    (
        "Several people wait for the train, reading newspapers and drinking coffee, while a woman slices an onion.",
        "The musician plays the guitar.",
    ),
    ("Le café est fermé.", "ÜBER die Straße"),
    ("a", ""),
]
