"""What there is: names, captions and texts of every sample."""

# (file, painter in scenes.py, label, captions, facts)
IMAGES = [
    ("beach.jpg", "beach", "beach", ["a sandy beach with a red and white umbrella by the blue sea", "a sunny day at the seaside"],
     {"maker": "Sensorium", "camera": "Paintbox 1", "time": "2021:07:14 12:30:00", "place": (36.5, -4.9)}),
    ("palm_sunset.jpg", "palm_sunset", "sunset", ["a palm tree in front of the sun setting over the ocean", "an orange sunset at the sea"],
     {"orientation": 6, "maker": "Sensorium", "camera": "Paintbox 1", "time": "2019:11:02 18:05:00"}),
    ("dog_on_grass.jpg", "dog_on_grass", "dog", ["a brown dog with a red collar stands on green grass", "a dog in a garden with its tongue out"],
     {"maker": "Sensorium", "camera": "Paintbox 2", "time": "2023:04:09 09:15:00", "place": (51.5, -0.2)}),
    ("cat_on_sofa.webp", "cat_on_sofa", "cat", ["an orange cat sits on a blue sofa", "a striped tabby cat on a couch"], {}),
    ("red_car.jpg", "red_car", "car", ["a red car on a road", "a red automobile drives past green hills"],
     {"maker": "Sensorium", "camera": "Paintbox 2", "time": "2022:08:20 15:00:00"}),
    ("snow_mountain.webp", "snow_mountain", "mountain", ["a snow covered mountain above a forest of fir trees", "a white peak under a blue sky in winter"], {}),
    ("daisies.jpg", "daisies", "daisy", ["a meadow full of white daisies", "white flowers in green grass"], {}),
    ("sunflower.webp", "sunflower", "sunflower", ["a yellow sunflower in front of a blue sky"], {}),
    ("city_at_night.png", "city_at_night", "city", ["the skyline of a city at night with lit windows under the moon", "skyscrapers in the dark"], {"height": 240, "colours": 96}),
    ("football.jpg", "football", "football", ["a football on the pitch in front of the goal", "a soccer ball in a stadium"], {}),
    ("sailing_boat.jpg", "sailing_boat", "sailing boat", ["a sailing boat with white sails on the sea", "a small white sailboat on blue water"], {}),
    ("balloons.png", "balloons", "hot-air balloon", ["three colourful hot air balloons in the sky"], {"height": 300, "colours": 128}),
    ("rainbow.jpg", "rainbow", "rainbow", ["a rainbow over a green field with two trees"], {}),
    ("goldfish.jpg", "goldfish", "goldfish", ["two goldfish swim under water", "orange fish in an aquarium"], {}),
    ("butterfly.webp", "butterfly", "butterfly", ["an orange monarch butterfly on a purple flower"], {}),
    ("fruit_bowl.jpg", "fruit_bowl", "fruit", ["a bowl of fruit with oranges, apples and bananas on a table"], {}),
    ("traffic_light.bmp", "traffic_light", "traffic light", ["a red traffic light in the street"], {"height": 192, "colours": 128}),
    ("school_bus.jpg", "school_bus", "school bus", ["a yellow school bus on the road"], {}),
    ("umbrella_in_rain.jpg", "umbrella_in_rain", "umbrella", ["a person with a red umbrella walks in the rain"], {}),
    ("pyramid.jpg", "desert_pyramid", "desert", ["a pyramid in the desert", "sand and pyramids under the hot sun"], {}),
    ("forest_path.jpg", "forest_path", "forest", ["a path leads through a green forest", "a trail between tall trees in the woods"], {}),
    ("planet.tiff", "planet", "planet", ["the planet Saturn with its rings among the stars", "a planet in space"], {"height": 240, "colours": 128}),
    ("clock.gif", "clock", "clock", ["a round wall clock shows ten past ten"], {"height": 240, "colours": 64}),
    ("piano.png", "piano", "piano", ["the black and white keys of a piano"], {"height": 180, "colours": 64}),
    ("toadstool.webp", "toadstool", "mushroom", ["a red toadstool with white dots in the grass", "a poisonous mushroom in the forest"], {}),
    ("ladybird.jpg", "ladybird", "ladybird", ["a red ladybug with black dots on a green leaf"], {}),
    ("lighthouse.jpg", "lighthouse", "lighthouse", ["a red and white lighthouse on a rock by the sea"],
     {"maker": "Sensorium", "camera": "Paintbox 2", "time": "2020:05:30 10:45:00", "place": (58.4, -4.7)}),
    ("volcano.jpg", "volcano", "volcano", ["a volcano erupts at night with glowing lava"], {}),
    ("pizza.jpg", "pizza", "pizza", ["a pizza with salami, olives and basil on a wooden table"], {}),
]

# (file, maker in noises.py, label, captions)
AUDIOS = [
    ("bird_chirps.wav", "bird_chirps", "bird", ["birds chirping", "a bird sings"]),
    ("rain.ogg", "rain", "rain", ["rain falls", "the sound of raindrops"]),
    ("engine.mp3", "engine", "engine", ["the engine of a car running", "a motor hums"]),
    ("church_bell.flac", "church_bell", "bell", ["a church bell rings", "the chime of a large bell"]),
    ("siren.ogg", "siren", "siren", ["a siren wails", "the siren of an ambulance"]),
    ("drum_rhythm.mp3", "drum_rhythm", "drum", ["a drum kit plays a rhythm", "drums and a hi-hat"]),
    ("sine_sweep.flac", "sine_sweep", "sine wave", ["a tone that rises from low to high"]),
    ("clock_ticking.wav", "clock_ticking", "clock", ["a clock ticking", "the tick-tock of a clock"]),
    ("ocean_waves.opus", "ocean_waves", "waves", ["waves of the ocean break on the shore"]),
    ("telephone_ringing.m4a", "telephone_ringing", "telephone", ["a telephone rings", "the ringing of an old telephone bell"]),
    ("thunder.ogg", "thunder", "thunder", ["thunder rumbles", "a thunderstorm"]),
    ("flute_melody.mp3", "flute_melody", "flute", ["a flute plays a melody", "a tune on a wind instrument"]),
]

# (file, voice, words)
SPEECH = [
    ("speech_dog.wav", "en-gb", "A dog runs on the beach."),
    ("speech_weather.opus", "en-us", "Tomorrow it will rain in the north, with sunshine in the south."),
    ("speech_numbers.mp3", "en-gb", "One, two, three, four, five."),
    ("speech_german.m4a", "de", "Ein Hund läuft über die Wiese."),
]

# (file, shots of (painter, seconds, move), parts of the soundtrack, captions)
CLIPS = [
    ("seaside.mp4", [("beach", 6, "pan")], ["ocean_waves"], ["a beach by the sea with the sound of waves"]),
    ("day_out.mkv", [("dog_on_grass", 4, "zoom"), ("red_car", 4, "pan"), ("city_at_night", 5, "hold")], ["bird_chirps", "engine", "siren"],
     ["a dog on the grass, then a red car, then a city at night"]),
    ("garden.webm", [("butterfly", 4, "zoom"), ("sunflower", 4, "tilt")], ["bird_chirps"], ["a butterfly and a sunflower while birds sing"]),
    ("storm.avi", [("umbrella_in_rain", 5, "pan"), ("volcano", 5, "zoom")], ["rain", "thunder"], ["rain on an umbrella, then a volcano erupts"]),
    ("goldfish.gif", [("goldfish", 3, "pan")], [], ["goldfish swim in the water"]),
    ("mountains.mp4", [("snow_mountain", 4, "tilt"), ("balloons", 4, "zoom")], ["flute_melody"], ["a snow covered mountain, then hot air balloons, with a flute"]),
]

# (file, title, body)
TEXTS = [
    ("bread.md", "How to bake bread", """# How to bake bread

Mix 500 g of flour with 350 ml of water, 10 g of salt and 7 g of dry yeast. Knead the dough for ten minutes until it is
smooth, cover it with a cloth and let it rise for an hour in a warm place.

## Baking

Heat the oven to 240 °C with a pot in it. Lay the loaf into the hot pot, bake it for thirty minutes with the lid and for
fifteen without, until the crust is dark and sounds hollow when you knock on it.
"""),
    ("sailing.txt", "Sailing for beginners", """A sailing boat moves because its sail turns the wind aside. With the wind from behind the sail is let far out; the closer the
boat points to the wind, the tighter the sail is pulled in. No boat can sail straight into the wind: it tacks, that is,
it goes to and fro in a zigzag.

Wear a life jacket, look for the harbour's lights and lighthouses on the chart before you leave, and reef the sail before
the storm comes, not when it is there.
"""),
    ("volcanoes.html", "Volcanoes", """<!doctype html>
<html lang="en"><head><title>Volcanoes</title><style>body { font-family: serif }</style></head>
<body>
<h1>Volcanoes</h1>
<p>Deep below the ground rock melts and becomes <b>magma</b>. Where it finds a crack it rises, and where it reaches the open
air it is called <i>lava</i>. Some volcanoes let it flow quietly; others erupt with ash and glowing stones.</p>
<p>People live near volcanoes because their ash makes good soil: vines and vegetables grow well on it.</p>
<script>console.log("not a part of the text");</script>
</body></html>
"""),
    ("cats.txt", "Keeping a cat", """A cat sleeps up to sixteen hours a day. It washes itself with its rough tongue, purrs when it is content, and hunts mice and
birds at dusk. Give it fresh water, a clean box and something to scratch, or it will take the sofa.
"""),
    ("planets.md", "The planets", """# The planets

Eight planets travel around the Sun. The four inner ones, Mercury, Venus, Earth and Mars, are made of rock. Jupiter and
Saturn are giants of gas; Saturn's rings are ice and dust. Uranus and Neptune are cold and far away, and a year on Neptune
takes 165 of ours.

Through a small telescope you can see the rings of Saturn, the moons of Jupiter and the craters of our own Moon.
"""),
    ("football.html", "The rules of football", """<!doctype html>
<html lang="en"><head><title>The rules of football</title></head>
<body>
<h1>The rules of football</h1>
<p>Two teams of eleven play with one ball for twice forty-five minutes. Only the goalkeeper may touch the ball with the hands,
and only in the penalty area. The team that has scored more goals at the end wins the match.</p>
</body></html>
"""),
]
