"""Words of files in German, French, Spanish, Italian, Dutch and Polish: headings, statuses, months,
days of the week. Without accents and in small letters, as `search_key` writes them.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain


def _split(words: str) -> list[str]:
    return [word.strip() for word in words.split(",")]


# English heading → headings of other languages
_HEADINGS = {
    "practitioner": "behandler, behandlerin, therapeut, therapeutin, mitarbeiter, mitarbeiterin,"
    " praticien, praticienne, therapeute, soignant, profesional, terapeuta, operatore, behandelaar,"
    " medewerker, specjalista, pracownik",
    "venue": "standort, praxis, filiale, cabinet, sede, centro, vestiging, praktijk, gabinet,"
    " placowka",
    "location": "ort, emplacement, lieu, ubicacion, lugar, luogo, locatie, lokalizacja, miejsce",
    "client": "kunde, kundin, klient, klientin, patientin, patiente, cliente, paciente, paziente,"
    " klant, pacjent, pacjentka",
    "clientnumber": "kundennummer, kundennr, patientennummer, klientennummer, numero client, numero"
    " de client, numero de cliente, numero cliente, klantnummer, numer klienta, numer pacjenta",
    "firstname": "vorname, prenom, nombre, nome, voornaam, imie",
    "lastname": "nachname, familienname, nom, nom de famille, apellido, apellidos, cognome,"
    " achternaam, nazwisko",
    "fullname": "vollstandiger name, nom complet, nombre completo, nome completo, volledige naam,"
    " imie i nazwisko, nazwisko i imie",
    "email": "e-mail-adresse, emailadresse, adresse e-mail, courriel, correo, correo electronico,"
    " indirizzo e-mail, posta elettronica, e-mailadres, adres e-mail",
    "phone": "telefon, telefonnummer, numero de telephone, telefono, telefoon, telefoonnummer,"
    " numer telefonu",
    "mobilephone": "handy, handynummer, mobil, mobiltelefon, mobilnummer, portable, telephone"
    " portable, movil, telefono movil, cellulare, mobiel, komorka, telefon komorkowy",
    "homephone": "telefon privat, telephone domicile, telephone prive, telefono particular,"
    " telefono casa, telefoon thuis, telefon domowy",
    "workphone": "telefon geschaftlich, telephone bureau, telephone professionnel, telefono"
    " trabajo, telefono ufficio, telefoon werk, telefon sluzbowy",
    "service": "leistung, behandlung, terminart, prestation, soin, type de rendez-vous, servicio,"
    " tratamiento, servizio, trattamento, dienst, behandeling, usluga, zabieg",
    "date": "datum, termindatum, date du rendez-vous, fecha, data, dag",
    "startdate": "beginnt am, startdatum, date de debut, fecha de comienzo, fecha de inicio, data"
    " inizio, data di inizio, begindatum, data rozpoczecia",
    "starttime": "beginnt um, startzeit, uhrzeit, zeit, beginn, von, heure de debut, heure, debut,"
    " hora de inicio, hora de comienzo, hora, comienzo, inicio, ora inizio, ora di inizio, ora,"
    " inizio, begintijd, starttijd, tijd, van, czas rozpoczecia, godzina rozpoczecia, godzina,"
    " poczatek, od",
    "enddate": "endet am, enddatum, date de fin, fecha de finalizacion, fecha de fin, data fine,"
    " data di fine, einddatum, data zakonczenia",
    "endtime": "endet um, endzeit, ende, bis, heure de fin, fin, hora de finalizacion, hora de fin,"
    " finalizacion, ora fine, ora di fine, fine, eindtijd, einde, tot, czas zakonczenia, godzina"
    " zakonczenia, koniec, do",
    "duration": "dauer, duree, duracion, durata, duur, czas trwania",
    "durationminutes": "dauer in minuten, dauer minuten, duree minutes, duree en minutes, duracion"
    " en minutos, durata in minuti, duur in minuten",
    "alldayevent": "ganztagiges ereignis, ganztagig, journee entiere, toute la journee, evento de"
    " todo el dia, todo el dia, giornata intera, tutto il giorno, hele dag, duurt hele dag,"
    " wydarzenie calodzienne, caly dzien",
    "status": "statut, estado, stato",
    "price": "preis, betrag, prix, tarif, montant, precio, importe, prezzo, importo, prijs, bedrag,"
    " cena, kwota",
    "paid": "bezahlt, paye, pagado, pagada, pagato, betaald, zaplacone, oplacone",
    "cancelled": "abgesagt, storniert, annule, cancelado, cancelada, annullato, geannuleerd,"
    " odwolane, anulowane",
    "noshow": "nicht erschienen, absent, no asistio, niet verschenen",
    "subject": "betreff, objet, asunto, oggetto, onderwerp, temat",
    "description": "beschreibung, descripcion, descrizione, beschrijving, omschrijving, opis",
    "notes": "notiz, notizen, bemerkung, bemerkungen, anmerkung, anmerkungen, kommentar, remarque,"
    " remarques, commentaire, commentaires, nota, notas, observaciones, comentarios, commenti,"
    " osservazioni, notitie, notities, opmerking, opmerkingen, notatki, uwagi",
    "archived": "archiviert, archive, archivado, archiviato, gearchiveerd, zarchiwizowany",
    "showtimeas": "zeitspanne zeigen als, zeit anzeigen als, disponibilite",
    "private": "privat, prive, privado, privato, prywatne",
    "categories": "kategorien, categorias, categorie, categorieen, kategorie",
    "priority": "prioritat, priorite, prioridad, priorita, prioriteit, priorytet",
    "sensitivity": "vertraulichkeit",
    "mileage": "reisekilometer, kilometrage, kilometraje",
    "billinginformation": "abrechnungsinformationen",
    "reminderonoff": "erinnerung ein/aus, rappel actif/inactif",
    "reminderdate": "erinnerung am, date de rappel, rappel le",
    "remindertime": "erinnerung um, heure du rappel, rappel a",
    "meetingorganizer": "besprechungsplanung, organisateur de la reunion",
}
# Headings for a date and for a time if they stand in a file twice.
_TWICE = {"debut": ("startdate", "starttime"), "fin": ("enddate", "endtime")}
# A whole name, unless the other part of the name has a column of its own.
_WHOLE_OR_PART = {"nom", "nombre", "nome"}

_STATUSES = {
    "confirmed": "bestatigt, gebucht, geplant, zugesagt, confirme, confirmee, planifie, planifiee,"
    " prevu, confirmado, confirmada, reservado, reservada, programado, programada, confermato,"
    " confermata, prenotato, prenotata, bevestigd, gepland, geboekt, potwierdzony, potwierdzona,"
    " potwierdzone, zaplanowana, umowiona",
    "pending": "ausstehend, angefragt, unbestatigt, nicht bestatigt, en attente, a confirmer, non"
    " confirme, non confirmee, pendiente, sin confirmar, in attesa, da confermare, in afwachting,"
    " aangevraagd, niet bevestigd, oczekujaca, niepotwierdzona, do potwierdzenia",
    "arrived": "eingetroffen, angekommen, arrive, arrivee, ha llegado, arrivato, arrivata,"
    " aangekomen",
    "delivered": "erledigt, durchgefuhrt, abgeschlossen, wahrgenommen, erschienen, honore, honoree,"
    " termine, terminee, effectue, effectuee, realise, realisee, realizado, realizada, completado,"
    " completada, finalizado, finalizada, asistio, completato, completata, effettuato, effettuata,"
    " voltooid, afgerond, zrealizowana, zakonczona",
    "invoiced": "abgerechnet, fakturiert, facture, facturee, facturado, facturada, fatturato,"
    " fatturata, gefactureerd, zafakturowana",
    "paid": "bezahlt, paye, payee, regle, reglee, pagado, pagada, pagato, pagata, saldato, betaald,"
    " oplacony, oplacona, oplacone, zaplacony, zaplacona, zaplacone",
    "cancelled": "abgesagt, storniert, abgelehnt, geloscht, annule, annulee, decommande, refuse,"
    " refusee, supprime, supprimee, cancelado, cancelada, anulado, anulada, annullato, annullata,"
    " cancellato, cancellata, disdetto, disdetta, geannuleerd, afgezegd, anulowany, anulowana,"
    " anulowane, odwolany, odwolana, odwolane",
    "no_show": "nicht erschienen, nicht wahrgenommen, versaumt, absente, non venu, non venue, pas"
    " venu, pas venue, non honore, non honoree, no asistio, no se presento, ausente, assente, non"
    " presentato, non presentata, niet verschenen, niet gekomen, afwezig, nieobecny, nieobecna",
}
UNPAID = _split(
    "unbezahlt, nicht bezahlt, offen, impaye, non paye, impagado, no pagado, pendiente, non pagato,"
    " onbetaald, niet betaald, openstaand, nieoplacone, niezaplacone"
)
YES = _split("ja, oui, si, ein, wahr, vrai, verdadero, vero, waar, tak, prawda")
NO = _split("nein, non, nee, nie, aus, falsch, faux, falso, onwaar, falsz")

ACTIVE = _split("aktiv, actif, active, activo, activa, attivo, attiva, actief, aktywny, aktywna")
ARCHIVED = _split(
    "archiviert, inaktiv, verstorben, archive, archivee, inactif, inactive, decede, decedee,"
    " archivado, inactivo, inactiva, fallecido, fallecida, archiviato, inattivo, deceduto,"
    " gearchiveerd, inactief, overleden, nieaktywny, nieaktywna, zmarly, zmarla"
)

_MONTHS = (
    "januar jan janner janvier janv enero ene gennaio gen januari stycznia styczen",
    "februar feber fevrier fev fevr febrero febbraio febbr februari lutego luty",
    "marz mrz mars marzo mar maart mrt marca marzec",
    "april avril avr abril abr aprile kwietnia kwiecien",
    "mai mayo maggio mag mei maja maj",
    "juni juin junio giugno giu czerwca czerwiec",
    "juli juillet juil julio luglio lug lipca lipiec",
    "august aout agosto ago augustus sierpnia sierpien",
    "september septembre septiembre settembre sett wrzesnia wrzesien",
    "oktober okt octobre octubre ottobre ott pazdziernika pazdziernik",
    "november novembre noviembre listopada listopad",
    "dezember dez decembre diciembre dic dicembre december grudnia grudzien",
)
MONTHS = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
# Not “mar”, which is a month as well.
WEEKDAYS = _split(
    "montag, dienstag, mittwoch, donnerstag, freitag, samstag, sonnabend, sonntag, mo, di, mi, do,"
    " fr, sa, so, lundi, mardi, mercredi, jeudi, vendredi, samedi, dimanche, lun, mer, jeu, ven,"
    " sam, dim, lunes, martes, miercoles, jueves, viernes, sabado, domingo, mie, jue, vie, sab,"
    " dom, lunedi, martedi, mercoledi, giovedi, venerdi, sabato, domenica, gio, maandag, dinsdag,"
    " woensdag, donderdag, vrijdag, zaterdag, zondag, ma, wo, vr, za, zo, poniedzialek, wtorek,"
    " sroda, czwartek, piatek, sobota, niedziela, pon, wt, sr, czw, pt, sob, nd"
)
HOURS = _split("std, stunde, stunden, heure, heures, hora, horas, ora, ore, uur, uren, godz")
MINUTES = _split("minuten, minuti, minutos, minuto, minuut, minut, minuty")


STATUSES = {word: status for status, words in _STATUSES.items() for word in _split(words)}


def _plain(words: str) -> str:
    return "".join(filter(str.isalnum, words))


_ENGLISH = {_plain(word): english for english, words in _HEADINGS.items() for word in _split(words)}


def in_english(headings: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Plain headings, those of other languages in English. One that is `known` in English stays."""
    found = list(headings)
    for n, heading in enumerate(headings):
        if heading in known:
            continue
        if heading in _TWICE and headings.count(heading) == 2:
            found[n] = _TWICE[heading][heading in headings[:n]]
        else:
            found[n] = _ENGLISH.get(heading, heading)
    if not {"firstname", "lastname"} <= set(found):
        return [
            "fullname" if heading in _WHOLE_OR_PART else english
            for heading, english in zip(headings, found, strict=True)
        ]
    return found


def all_words() -> Iterable[str]:
    """Every word of this module, for its test."""
    return chain(
        (word for words in _HEADINGS.values() for word in _split(words)),
        *(STATUSES, UNPAID, YES, NO, ACTIVE, ARCHIVED, MONTHS, WEEKDAYS, HOURS, MINUTES),
    )
