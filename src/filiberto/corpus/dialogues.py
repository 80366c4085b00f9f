"""Templates of everyday talk: greetings, meetings, shops, stations, hypotheses, descriptions.

`{A}` and `{B}` are the two who speak; see `scene.py` for the slots. Short turns carry a name, a
time or a place, so that no sentence is said too often.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """Templates of one kind, and the weight of the kind among documents of talk."""

    weight: float
    templates: tuple[str, ...]


TOPICS: dict[str, Topic] = {
    "how_are_you": Topic(
        18.0,
        (
            "- {hello} {A}, come va {how_time}? - {fine}, e tu, {B}? - {fine_because}.",
            "{hello} {A}, come va {how_time}?",
            "{hello} {A}, come va {how_time}?",
            "{hello}, come va {how_thing}?",
            "{hello} {A}, come va {how_thing}?",
            "{hello} a tutti, come va {how_time}?",
            "- {hello} {A}, come va {how_thing}? - {fine}, {B}, {news}.",
            "- {hello}, sono {A}. - {hello} {A}, come va? - {fine_because}.",
            "- {good_day} {titled}, come va {how_thing}? - {fine}, e Lei, {titled}?",
            "- {good_day} {titled}, come va {how_time}? - {fine_because}.",
            "- {hello} {A}, come stai {how_time}? - {fine_because}, e tu?",
            "- Pronto, sono {A}. - {hello} {A}, come va {how_thing}? - {fine_because}.",
            "{hello} {A}, è tanto che non ci vediamo, come va {how_thing}?",
            "{hello} [ragazzi|ragazze|amici|a tutti], come va {how_thing}?",
            "{A}, come va {how_thing}?",
            "{A}, come va {how_time}?",
            "Allora {A}, come va {how_time}?",
            "- Come va {how_thing}, {A}? - {fine_because}.",
            "{hello} {A} e {B}, come va?",
            "- {greeting}, come va? - {fine_because}.",
            "- {hello} {A}, come va? - {fine_because}. E tu, {B}, come va {how_time}?",
            "{good_day} {titled}, come va?",
            "{news}. E tu, {A}, come va?",
            "- Com'è andata ieri, {A}? - {fine}, ma adesso sono [un po'|molto] {adj stanco A}.",
            "{hello} {A}, come va? {news}.",
        ),
    ),
    "where_to_meet": Topic(
        27.0,
        (
            "{A}, dove ci {meet} {meet_time}?",
            "{A}, dove ci {meet} {meet_time}, {place} o {place}?",
            "{hello} {A}, dove ci {meet} {meet_time}?",
            "{hello} {A}, dove ci {meet} {meet_time}?",
            "- {A}, dove ci {meet} {meet_time}? - Ci {meet} {place} alle {hour}.",
            "- {hello} {A}, dove ci {meet} {meet_time}? - {place} alle {hour}, va bene?",
            "{hello}, dove ci {meet} {meet_time}?",
            "{hello}, dove ci {meet} {meet_time}, {place}?",
            "{hello}, dove ci {meet} {meet_time} alle {hour}?",
            "- {hello}, dove ci {meet} {meet_time}? - {place} alle {hour}, {A}.",
            "Dove ci {meet} {meet_time}, {place}?",
            "Dove ci {meet} {meet_time} alle {hour}?",
            "{hello}, a che ora ci {meet} {meet_time}?",
            "{hello} {A}, a che ora ci {meet} {meet_time}?",
            "- A che ora ci {meet} {meet_time}, {A}? - Alle {hour} {place}.",
            "- {A}, quando ci {meet}? - {meet_time}, {place}.",
            "Allora ci {meet} {meet_time} {place}, {A}.",
            "Non so ancora dove ci {meet} {meet_time}, forse {place}.",
            "- {A}, sai dove ci {meet} {meet_time}? - Sì, {place}, come sempre.",
            "- Dove ci {meet} {meet_time}? - {place}, {A} arriva alle {hour}.",
            "- {hello} {A}, dove ci {meet}? - Ci {meet} {place} {meet_time}.",
        ),
    ),
    "what_if": Topic(
        35.0,
        (
            "{che}cosa sarebbe {happened} se {other_choice}?",
            "{che}cosa sarebbe {happened} se {other_choice}?",
            "{che}cosa sarebbe {happened} se {s} {other_choice}?",
            "- {che}cosa sarebbe {happened} se {other_choice}? - {would_have}.",
            "{che}cosa {avere cond} fatto {s} se {other_choice}?",
            "{che}cosa sarebbe {happened} se {essere isubj} {ptc partire} {other_time}?",
            "Se {other_choice}, {would_have}.",
            "Se {s} {other_choice}, {would_have}.",
            "{would_have} se {other_choice}.",
            "Come sarebbe andata se {other_choice}?",
            "{A}, {che}cosa sarebbe {happened} se {other_choice}?",
        ),
    ),
    "another_day": Topic(
        2.5,
        (
            "{A}, possiamo [vederci|incontrarci|parlarne] un altro giorno? {meet_time} non posso.",
            "Se {meet_time} non puoi, scegliamo un altro giorno, {A}.",
            "{s} {avere pres} scelto un altro giorno per [la festa|la cena|il viaggio|la visita].",
            "Per [la festa|la cena|il viaggio] {s} {avere cond} scelto un altro giorno.",
            "Peccato che {A} abbia scelto un altro giorno per [la festa|la cena|il viaggio].",
            "- Va bene [oggi|stasera], {A}? - No, è meglio un altro giorno, magari {other_day}.",
        ),
    ),
    "shop": Topic(
        4.0,
        (
            "- {good_day}, vorrei {un+ clothes}. - Certo, {title}, costa {price} euro.",
            "- Quanto costa {il clothes}, {title}? - {price} euro. - {thanks}, ma è troppo per me.",
            "- {good_day}, quanto costa {questo thing}? - {price} euro. - {thanks}, {bye}.",
            "- {good_day}, mi dia {quantity} di [pane|riso|pesce|carne|frutta|verdura|formaggio]. "
            "- Ecco a Lei, sono {cheap} euro.",
            "- Scusi, avete {un+ thing}? - No, ma abbiamo {un+ thing}, costa {price} euro.",
            "{questo thing} costa {price} euro, {questo clothes} ne costa {price}.",
            "- Quante [mele|pere|arance|uova] vuole, {title}? - Ne vorrei {few}, {thanks}.",
            "- Quanti [panini|gelati|biscotti] prendi, {A}? - Ne prendo {few}, {thanks}.",
        ),
    ),
    "station": Topic(
        4.0,
        (
            "- Scusi, a che ora parte il treno per {city}? - Alle {clock}, dal binario {few}.",
            "- A che ora arriva il treno da {city}? - Alle {clock}, ma è in ritardo.",
            "- {good_day}, un biglietto per {city}, per favore. - Sono {cheap} euro, {title}.",
            "Il treno per {city} parte alle {clock} dal binario {few}.",
            "Il treno da {city} è arrivato alle {clock} con {few} minuti di ritardo.",
            "- {A}, a che ora parti per {city}? - Parto alle {clock} con {who}.",
            "- Scusi, per {city} devo cambiare? - Sì, {city a}, alle {clock}.",
        ),
    ),
    "restaurant": Topic(
        4.0,
        (
            "- {good_day}, avete un tavolo per {few}? - Certo, {title}, prego.",
            "- Che cosa prende, {title}? - Per me {un dish} e {un drink}, per favore.",
            "- {A}, tu che cosa prendi? - Io prendo {un dish}, e tu? - Io {un dish}.",
            "- Com'è [il panino|il gelato|il pesce], {A}? - È molto [buono|fresco], {thanks}.",
            "- Com'è [la pizza|la torta|la minestra], {A}? - È molto [buona|leggera], {thanks}.",
            "- Vuoi ancora {del food}, {A}? - No, {thanks}, ma [prendo|vorrei] {un drink}.",
            "- Mi porta il conto e {un drink}, per favore? - Subito, {title}.",
            "- {A}, vuoi {un dish} o {un dish}? - Preferisco {un dish}, {thanks}.",
        ),
    ),
    "phone": Topic(
        3.0,
        (
            "- Pronto, c'è {A}? - No, {A} è {place}, torna alle {hour}. - Grazie, {B}.",
            "- Pronto, {A}? - Sono io, chi parla? - Sono {B}, sei {place}? - No, dimmi, {B}.",
            "- Pronto, sono {A}, c'è mio [padre|fratello|nonno]? - No, {A}, è {place}.",
            "- Pronto, {A}, dove sei? - Sono {place}, arrivo alle {hour}.",
            "- Pronto, {A}, sono {B}, ci {meet} {meet_time}? - Volentieri, {B}, alle {hour}.",
        ),
    ),
    "who_is_it": Topic(
        4.0,
        (
            "- {hello}, come ti chiami? - Mi chiamo {A}, e tu? - Io sono {B}, vengo da {city}.",
            "- Piacere, sono {A}. - Piacere, io sono {B} e vengo da {city}.",
            "- Quanti anni hai, {A}? - Ho {age}, e tu, {B}? - Anch'io ho {age}.",
            "{A} ha {age}, è di {city} ed è molto {adj character A}.",
            "{s} {essere pres} di {city}, ma adesso {stare pres} {city a}.",
            "Mio [fratello|cugino] si chiama {name m} e ha {age}.",
            "Mia [sorella|cugina] si chiama {name f} e ha {age}.",
            "- Da dove viene, {title}? - Sono di {city}, ma lavoro {city a}.",
        ),
    ),
    "description": Topic(
        5.0,
        (
            "{s} {essere pres} [molto|sempre|spesso] {adj character}, ma oggi {essere pres} "
            "un po' {adj low}.",
            "{s} {essere pres} più {adj character} di {name}.",
            "{s} {essere pres} {adj character} come {name}.",
            "Oggi {s} {essere pres} [molto|più|meno] {adj mood}.",
            "{s} {avere pres} {un+ thing} e {un+ clothes}.",
            "{s} {essere pres} molto {adj character} e {avere pres} [i capelli|gli occhi] {eye}.",
            "{city a} c'è {un+ sight}.",
            "{city} è [più|meno] [bella|lontana|tranquilla|cara|rumorosa] di {city}.",
            "La casa {who di} {city a} ha {few} stanze ed è molto [bella|comoda|luminosa].",
            "{obj vehicle one} è più {aobj veloce} {di vehicle}.",
            "{obj text one} di {name} è molto [{aobj lungo}|{aobj interessante}|{aobj noioso}].",
            "Mia [madre|nonna] è [alta|paziente|gentile] come {name f}, ma più [timida|seria].",
        ),
    ),
    "where_things_are": Topic(
        4.0,
        (
            "- Dov'è {il small} di {name}? - È {su top}, vicino {al small}.",
            "{il small} è {su top} e {il book} è {in box}.",
            "- {A}, dov'è {il small}? - Era {in box}, ma adesso è {su top}.",
            "{il small} di {name} è ancora {in box}.",
            "C'è {un+ small} {su top} di {name}.",
            "- {A}, sai dove sono {i clothes}? - Sono {in wardrobe}, in camera di {name}.",
            "{il book} è [sotto|dietro|sopra] {il top}, vicino {al small}.",
        ),
    ),
    "clitics": Topic(
        8.0,
        (
            "- {A}, hai comprato {obj thing}? - Sì, {lo avere} {pobj comprare} {past} {city a}.",
            "- {A}, avete letto {obj text}? - Sì, {lo avere 3} {pobj leggere} {past}.",
            "- Dove hai messo {obj small}, {A}? - {lo avere} {pobj mettere} {su top}.",
            "- {A}, hai visto {obj thing}? - No, chiedi {who a}.",
            "- {A}, mi dai {obj thing one}? - Certo, te {lo} do {soon}.",
            "- Dove metti {obj clothes}, {A}? - {lo} metto {in wardrobe}.",
            "- Conosci {t}? - Sì, {him t} conosco bene, abita {city a}.",
            "- Hai telefonato a {name m}? - No, gli telefono {soon}.",
            "- Hai scritto a {name f}? - Sì, le ho scritto {past}.",
            "- Vieni {place} con noi, {A}? - Sì, ci vengo volentieri {soon}.",
            "- Vai spesso {place}, {A}? - Sì, ci vado ogni {day}.",
            "- Quanti libri hai, {A}? - Ne ho [{few}|molti|pochi], e tu, {B}?",
            "- {A}, mi aiuti {soon}? - Certo, {B}, ti aiuto volentieri.",
            "Quando vedo {t}, {him t} saluto sempre.",
            "{t} è {place}: {gli t} telefono alle {hour}.",
        ),
    ),
    "mine_and_yours": Topic(
        3.0,
        (
            "- Di chi è {questo thing}? - È di {name}.",
            "Il mio [ombrello|orologio|quaderno|telefono] è {su top}, il tuo è {in box}.",
            "La mia [borsa|penna|bicicletta] è [nuova|bianca], quella di {name} è [vecchia|nera].",
            "- È [tuo il telefono|tua la borsa|tuo l'ombrello|tua la penna], {A}? "
            "- No, è di {name}.",
            "- Sono [tuoi i libri|tue le chiavi|tuoi i guanti], {A}? - No, sono di {name}.",
            "[Il mio vicino|Il mio amico] {name m} è {place} con suo [padre|fratello|zio].",
            "[La mia vicina|La mia amica] {name f} è {place} con i suoi [genitori|figli|amici].",
        ),
    ),
    "time_of_day": Topic(
        4.0,
        (
            "- Che ore sono, {A}? - Sono le {clock}, {B}.",
            "Sono le {clock} e {s} {essere pres} ancora {place}.",
            "{s} {si} {alzare pres} alle {hour} e {si} {vestire pres} in fretta.",
            "{s} {si} {svegliare pres} alle {clock}, ma {si} {alzare pres} più tardi.",
            "Ieri {s} {si} {essere pres} {ptc svegliare} alle {clock} ed {essere impf} {adj low}.",
            "{s} {si} {essere pres} {ptc divertire} molto {place} con {name}.",
            "Domenica {s} {si} {alzare fut} alle {hour} perché {essere fut} in vacanza.",
            "{s} {si} {essere cond} {ptc divertire} di più con {name}.",
        ),
    ),
    "weather_talk": Topic(
        2.0,
        (
            "- Che tempo fa {city a}? - {sky}, e lì {city a}? - Qui {sky}.",
            "Oggi {city a} {sky} e {s} {essere pres} [{adj mood}|{adj low}].",
            "Ieri {city a} {sky_past}, ma {s} {essere impf} {adj mood}.",
            "Secondo {name}, domani {city a} {sky_future}.",
        ),
    ),
    "who_and_where": Topic(
        4.0,
        (
            "[Il ragazzo|Il signore|Lo studente] che è {place} si chiama {name m}.",
            "[La ragazza|La signora|La studentessa] che è {place} si chiama {name f}.",
            "{il person} con cui {s} {essere impf} {place} abita {city a}.",
            "{il small} che è {su top} è di {name}.",
            "Il treno che parte alle {clock} va {city a}.",
            "La città in cui {s} {stare pres} è {city}.",
            "{s} non {sapere pres} dove {essere subj t} {t}.",
            "{s} non {sapere pres} se {t} {essere pres t} {place} o {place}.",
            "{s} {sapere pres} che {t} {essere pres t} [{adj mood t}|{adj low t}].",
            "{s} {sapere impf} che {t} {essere impf t} [{adj mood t}|{adj low t}].",
        ),
    ),
    "reported": Topic(
        4.0,
        (
            "{t} mi ha detto che {essere impf t} [{adj mood t}|{adj low t}].",
            "{t} mi ha detto che {avere impf t} bisogno di {un thing}.",
            "{t} dice che {essere pres t} {adj low t} e che {avere pres t} [fame|sete|sonno].",
            "{t} mi ha chiesto dove {essere isubj} {s}.",
            "{t} ha risposto che non {potere impf t} venire {place}.",
            "{t} ha detto che {essere cond t} {ptc arrivare t} alle {hour} con {name}.",
            "{s} {avere pres} [fame|sete|sonno|fretta], perché {essere pres} {place} dalle {hour}.",
        ),
    ),
    "polite": Topic(
        4.0,
        (
            "- Scusi, {title}, dov'è [la stazione|il museo|la farmacia|il mercato]? - {way}.",
            "- {A}, mi passi {il small}, per favore? - Certo, {B}.",
            "{thanks} {A}, [sei molto gentile|a presto], ci {meet} {meet_time}.",
            "{A}, mi puoi aiutare {soon}? Ho bisogno di {un thing}.",
            "Scusa, {A}, ma {soon} non posso, sono {place} con {name}.",
            "Arrivederci, {titled}, ci {meet} {soon}.",
            "Buonanotte, {A}, ci {meet} {soon} {place}.",
            "Tanti auguri, {A}, oggi compi {age}!",
        ),
    ),
}
