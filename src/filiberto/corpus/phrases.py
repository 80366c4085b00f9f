"""Set phrases that the templates name like a slot: times, places, occasions, turns of talk."""

_PLACES_AND_TIMES: dict[str, str] = {
    "bar": "[al bar|al ristorante|in cucina|in giardino|in terrazza|a casa {who di}|in centro]",
    "stage": "[a teatro|in piazza|in camera|alla festa|in salotto|a casa {who di}]",
    "study_place": "[in biblioteca|all'università|a scuola|in camera|in cucina|a casa {who di}]",
    "play_place": "[al parco|in cortile|in giardino|in palestra|a scuola|in spiaggia]",
    "work_place": "[in banca|in ufficio|in fabbrica|al mercato|in ospedale|in farmacia|{city a}"
    "|all'università|in un [bar|ristorante|negozio|museo|albergo]]",
    "sleep_place": "[in tenda|in albergo|in treno|sul divano|in camera|a casa {who di}|{city a}]",
    "game": "[a calcio|a carte|a tennis|a scacchi|a pallavolo|a pallone]",
    "language": "[inglese|francese|spagnolo|tedesco|italiano]",
    "glass": "un bicchiere [d'acqua|di [latte|vino|succo]]",
    "means": "[in treno|in macchina|in aereo|in autobus|con il treno delle {hour}]",
    "hour": "[sette|otto|nove|dieci|undici|due|tre|quattro|cinque|sei]",
    "clock": "{hour}[| e mezza| e un quarto| e dieci| e venti| meno un quarto]",
    "now": "[adesso|ora|in questo momento]",
    "soon": "[domani|stasera|domani mattina|domani sera|sabato|domenica|la prossima settimana]",
    "past": "[ieri|ieri sera|stamattina|la settimana scorsa|lunedì scorso|due giorni fa]",
    "day": "[giorno|mattina|sera|settimana|sabato|domenica]",
}

_CLAUSES: dict[str, str] = {
    "modal": "[{dovere pres}|{potere pres}|{volere pres}|{dovere cond}|{potere cond}"
    "|{volere cond}]",
    "but_still": "[nessuno lo sa|non ne {parlare pres} mai|non {essere pres} mai {adj stanco}]",
    "but": "[ma è tardi|ma non è facile|ma non adesso|se c'è tempo]",
    "neutral": "[{pensare pres} a tutto|{controllare pres} l'ora|{spegnere pres} la luce"
    "|{si} {riposare pres} un po'|{avere pres} bisogno di una pausa"
    "|{si} {fermare pres} un momento]",
    "neutral_past": "[{avere pres} pensato a tutto|{avere pres} controllato l'ora"
    "|{avere pres} spento la luce|{si} {essere pres} {ptc riposare} un po'"
    "|{si} {essere pres} {ptc fermare} un momento|{avere pres} controllato tutto]",
    "result_past": "[{essere cond} {ptc essere} più {adj contento}|tutto sarebbe stato più facile"
    "|sarebbe stato meglio|non ci sarebbero stati problemi|tutti sarebbero stati contenti]",
    "real": "[ci sarà il sole|non pioverà|farà bel tempo|{avere fut} tempo"
    "|{essere fut} {adj libero}]",
}

_HEADS: dict[str, str] = {
    "belief": "[credo|penso|non credo|non penso|immagino|spero|dubito]",
    "belief_other": "{t} [crede|pensa|non crede|non pensa|immagina|spera|dubita]",
    "certainty": "[sono [sicuro|sicura|certo|certa]|so|sento|prometto]",
    "certainty_other": "{t} [è {adj sicuro t}|è {adj certo t}|sa|sente]",
    "told": "{t} mi ha detto",
    "told_other": "{t} [sapeva|ricordava|raccontava]",
    "opinion": "[volevo|speravo|credevo|pensavo|bisognava|sembrava|era [meglio|importante]]",
    "opinion_other": "[{t} [voleva|sperava|credeva|pensava]|bisognava|sembrava"
    "|era [meglio|importante]]",
    "desire": "[vorrei|vorremmo]",
    "desire_other": "{t} {volere cond t}",
    "liking": "[mi piacerebbe|ci piacerebbe]",
    "liking_other": "{who a} piacerebbe",
}
"""What opens a clause with che: by the speaker, or by another where the speaker is its subject."""

_TALK: dict[str, str] = {
    "hello": "[ciao|ciao|ciao|salve|ehi|buongiorno|buongiorno|buonasera|buon pomeriggio]",
    "greeting": "[salve|ehi|buonasera|buon pomeriggio|allora|pronto|ciao [ragazzi|amici|ragazze]]",
    "good_day": "[buongiorno|buonasera|salve|buon pomeriggio]",
    "how_time": "[| oggi| stamattina| stasera| in questi giorni| {city a}| {place}]",
    "how_thing": "[il lavoro|la scuola|lo studio|la vita|la giornata|il viaggio|la vacanza|a casa"
    "|con {name}|{city a}|all'università|in ufficio|la nuova casa|il nuovo lavoro]",
    "fine": "[bene|benissimo|abbastanza bene|non c'è male|così così|tutto bene|molto bene]",
    "fine_because": "[{fine}, grazie, {news}|{fine}, {news}|{fine}, ma ho [sonno|fretta|fame]"
    "|{fine}, ma ho molto da fare {place}]",
    "news": "[ieri ero {city a}|domani parto per {city}|sono in vacanza con {name}"
    "|ho un nuovo lavoro {city a}|sono {place} con {name}|stasera c'è una festa da {name}]",
    "title": "[signora|signore|dottore|dottoressa|professore|professoressa]",
    "titled": "[signora|signor|dottor|dottoressa|professor|professoressa] {surname}",
    "surname": "[Rossi|Bianchi|Ferrari|Russo|Conti|Ricci|Marino|Greco|Bruno|Galli]",
    "meet": "[vediamo|vediamo|incontriamo|troviamo]",
    "meet_time": "[oggi|oggi pomeriggio|oggi pomeriggio|stasera|domani|domani mattina|domani sera"
    "|domani pomeriggio|sabato|sabato sera|domenica|domenica mattina|lunedì|venerdì sera]",
    "che": "[|che ]",
    "happened": "[successo|successo|cambiato]",
    "other_choice": "{avere isubj} [scelto {another}|scelto {another}|preso {another_ride}"
    "|{other_act}]",
    "another": "un[ altro [giorno|libro|treno|film|vestito|lavoro|albergo|posto|tavolo|momento"
    "|regalo|ristorante]|'altra [città|strada|casa|scuola|macchina|canzone|lingua]]",
    "another_ride": "un[ altro [treno|autobus|aereo|taxi]|'altra [strada|macchina]]",
    "other_act": "[perso il [treno|lavoro|telefono]|aspettato {few} [minuti|giorni|mesi]"
    "|comprato un[ altro [libro|vestito|telefono]|'altra [casa|macchina]]"
    "|cambiato [lavoro|città|casa|scuola|strada]|detto la verità {who a}"
    "|avuto [più tempo|più soldi|meno paura|un altro lavoro]|visto {name} {place}"
    "|studiato [di più|all'estero|un'altra lingua]|incontrato {name} {place}]",
    "other_time": "[un altro giorno|più tardi|prima|con un altro treno|per {city}|con {name}]",
    "would_have": "[{essere cond} {ptc arrivare} [prima|in ritardo|in tempo] {city a}"
    "|{essere cond} {ptc restare} {city a} con {name}|non {avere cond} conosciuto {name}"
    "|{avere cond} perso il treno per {city}|{avere cond} conosciuto {name} prima"
    "|{essere cond} {ptc essere} più {adj contento}|{avere cond} trovato {name} {place}]",
    "cheap": "[due|tre|cinque|sette|dieci|dodici|quindici|venti]",
    "price": "[venti|venticinque|trenta|quaranta|cinquanta|ottanta|cento|duecento]",
    "few": "[due|tre|quattro|cinque|sei|sette|otto|nove|dieci]",
    "age": "[dieci anni|dodici anni|quindici anni|diciotto anni|vent'anni|ventidue anni|trent'anni"
    "|trentadue anni|quarant'anni|cinquant'anni]",
    "thanks": "[grazie|grazie mille|grazie tante]",
    "other_day": "[domani|domani sera|sabato|domenica|lunedì]",
    "bye": "[arrivederci|buona giornata|ci penso|va bene|[lunedì|domani] ritorno]",
    "quantity": "[un chilo|mezzo chilo|due chili|un po'|due etti]",
    "eye": "[neri|castani|chiari|scuri]",
    "sky": "[piove|fa freddo|fa caldo|c'è il sole|nevica|c'è vento]",
    "sky_past": "[pioveva|faceva freddo|faceva caldo|c'era il sole|nevicava|c'era vento]",
    "sky_future": "[pioverà|farà freddo|farà caldo|ci sarà il sole|nevicherà|ci sarà vento]",
    "way": "[sempre dritto|a destra|a sinistra|dopo il ponte|davanti alla chiesa], a {few} minuti",
}

PHRASES: dict[str, str] = _PLACES_AND_TIMES | _CLAUSES | _HEADS | _TALK
"""Every set phrase by its name."""
