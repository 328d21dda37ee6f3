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

# The renderer's net is told more than the listener of the scores, which has been fitted before:
# two sentences of Spanish taught it too little of the soft b, d and g between vowels.
_MORE_BY_VOICE: Final[dict[str, tuple[str, ...]]] = {
    "gmw/de": (
        (
            "Wer hat die schwere Kiste in den Keller gebracht? Ich habe gestern lange gesucht, "
            "aber nur alte Schuhe, ein Fahrrad und zwei Töpfe voller Nägel gefunden."
        ),
        (
            "Im Herbst fallen gelbe Blätter von den Ulmen. Dann kochen wir Suppe aus Kürbis und "
            "Möhren und spielen abends am Ofen Karten, bis alle müde sind."
        ),
    ),
    "roa/es": (
        (
            "El lunes llovió mucho y el río subió hasta el puente viejo. Los vecinos sacaron sus "
            "muebles a la calle, y nadie pudo dormir aquella noche."
        ),
        (
            "Cuando era joven, Gabriel trabajaba en una fábrica de jabón. Hoy vende libros usados "
            "y toca el piano en un bar cerca del mercado."
        ),
        (
            "¿Quieres que te ayude a llevar esas bolsas? Pesan demasiado, y todavía faltan ocho "
            "pisos. El ascensor no funciona desde febrero."
        ),
        (
            "La profesora explicó cómo se mueven la luna y los planetas. Después dibujamos un mapa "
            "del cielo con lápices verdes, rojos y azules."
        ),
    ),
    "roa/fr": (
        (
            "Lundi, il a plu toute la journée et la rivière a débordé près du vieux pont. Les "
            "voisins ont sorti leurs meubles, et personne n'a pu dormir."
        ),
        (
            "Quand elle était jeune, Camille réparait des horloges dans un atelier sombre. "
            "Aujourd'hui elle joue du violon et cultive des fleurs jaunes."
        ),
        (
            "Veux-tu que je t'aide à porter ces valises? Elles sont trop lourdes, et il reste "
            "encore huit étages. L'ascenseur ne fonctionne plus depuis février."
        ),
        (
            "Le professeur a expliqué comment bougent la lune et les planètes. Ensuite, nous avons "
            "dessiné une carte du ciel avec des crayons verts, rouges et bleus."
        ),
    ),
    "roa/pt-BR": (
        (
            "Na segunda-feira choveu muito e o rio subiu até a ponte velha. Meu primo abriu a "
            "porta e viu um cavalo branco no jardim."
        ),
    ),
}
NET_BY_VOICE: Final = {
    voice: (*texts, *_MORE_BY_VOICE.get(voice, ())) for voice, texts in BY_VOICE.items()
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
