"""What the training voices say. Our own sentences, rich in lip sounds and rounded vowels.

The samples and the tests speak other texts (tools/make_samples.py, HELD_OUT below).
"""

from __future__ import annotations

from typing import Final

ENGLISH: Final = (
    (
        "Good evening, everybody. Before we begin, may I ask you to put your phones away? "
        "The film is about people who build boats, and about the bay where they live."
    ),
    (
        "My brother Bob bumped his bike into a big apple tree, and pepper plants fell down. "
        "Mother made him promise to mend the broken pots."
    ),
    (
        "A fox with five fine feathers watched a zebra jump over the quick river, "
        "while the lazy owl kept his yellow eyes on the moon."
    ),
    (
        "Could you choose a few good books for the new school? We would love stories of wolves, "
        "wool, and sugar, and whoever wrote the one about the smooth blue stone."
    ),
    (
        "Of all the visitors, only four ever found the village above the falls. "
        "They have five reasons to leave and every reason to stay over the winter."
    ),
    (
        "Please measure six cups of flour, three thick slices of butter, and a pinch of salt. "
        "Then wash the cherries, mash them, and push the dish into the oven for half an hour."
    ),
    (
        "Who taught the judge to laugh? The doctor thought it was the poor old clown, "
        "but the truth is that her young daughter pulled funny faces at breakfast."
    ),
)
GERMAN: Final = (
    (
        "Guten Abend zusammen. Bevor wir beginnen, möchte ich alle bitten, die Bücher zuzuklappen. "
        "Der Film handelt von Booten, von Bäumen und von Menschen am Meer."
    ),
    (
        "Mein Bruder pflückt Pflaumen und Birnen, und unsere Oma backt über dem Feuer Brot. "
        "Fünf Vögel warten höflich auf die Krümel."
    ),
)
SPANISH: Final = (
    (
        "Buenas noches a todos. Antes de empezar, quiero pedirles un poco de paciencia. "
        "La película habla de barcos, de pueblos pequeños y de un hombre que vive junto al mar."
    ),
    "Mi primo compró fruta fresca y una bufanda blanca. Pablo puso las uvas en la mesa.",
)
FRENCH: Final = (
    (
        "Bonsoir à tous. Avant de commencer, je voudrais vous parler un peu du film. "
        "Il y a des bateaux bleus, un petit village, et une femme qui peint la lune."
    ),
    "Mon beau-frère vend des pommes et du beurre frais au bout de la rue, où tout le monde passe.",
)
PORTUGUESE: Final = (
    (
        "Boa noite a todos. Antes de começar, queria pedir um pouco de atenção. "
        "O filme fala de barcos, de pessoas simples e de uma vila bonita perto do mar."
    ),
)

# espeak-ng voice files and what they say.
BY_VOICE: Final[dict[str, tuple[str, ...]]] = {
    "gmw/en-US": ENGLISH,
    "gmw/en-GB-x-rp": ENGLISH[:4],
    "gmw/de": GERMAN,
    "roa/es": SPANISH,
    "roa/fr": FRENCH,
    "roa/pt-BR": PORTUGUESE,
}

# Never trained on: by language, the espeak-ng voice and the text. Italian is not trained at all.
HELD_OUT: Final[dict[str, tuple[str, str]]] = {
    "de": (
        "gmw/de+f3",
        (
            "Am Morgen öffnet der Bäcker seine Tür. Viele Leute kaufen warme Brötchen und "
            "plaudern über das Wetter und den blauen Himmel."
        ),
    ),
    "es": (
        "roa/es+m5",
        (
            "Por la mañana el panadero abre la puerta. Mucha gente compra pan y habla del tiempo "
            "y del cielo azul."
        ),
    ),
    "fr": (
        "roa/fr+m5",
        (
            "Le matin, le boulanger ouvre sa porte. Beaucoup de gens achètent du pain et parlent "
            "du temps et du ciel bleu."
        ),
    ),
    "it": (
        "roa/it",
        (
            "La mattina il fornaio apre la porta. Molta gente compra il pane e parla del tempo e "
            "del cielo blu."
        ),
    ),
}
