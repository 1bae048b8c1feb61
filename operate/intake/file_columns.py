"""Names and meanings of a file’s columns, and the formats of other programs’ files."""

from dataclasses import dataclass

from base.catalogue import lazy

OURS = ("line", "why")  # columns that the download of bad lines adds


@dataclass(frozen=True)
class FileColumn:
    """One column of a file: its name, its other names, and a hint on what to write in it."""

    name: str
    also: str
    advice: str
    needed: bool = False

    @property
    def label(self) -> str:
        """The column's name on pages."""
        return LABELS.get(self.name) or self.name.replace("_", " ").capitalize()


LABELS = {  # for pages, if it differs from the column's name
    "calendar": lazy("Practitioner"),
    "client_id": lazy("Client’s internal ID"),
    "internal_id": lazy("Internal ID"),
    "invoice_status": lazy("Invoice status"),
    "no_show": lazy("No-show"),
    "other_email": lazy("Other e-mail"),
    "shown_as": lazy("Shown as"),
    "zone": lazy("Time zone"),
}


COLUMNS = {
    "clients": (
        FileColumn(
            "first_name",
            "first, given name, forename, legal first name",
            lazy("Up to 80 characters."),
            True,
        ),
        FileColumn(
            "last_name",
            "last, surname, family name, legal last name",
            lazy("Up to 80 characters. Leave it empty for a single name."),
        ),
        FileColumn(
            "name",
            "full name, client name, patient name, client, patient, customer, customer name",
            lazy(
                "The whole name in one cell, in place of first_name: Ada Example, or Example, Ada."
            ),
        ),
        FileColumn(
            "internal_id",
            "ID, client ID, patient ID, client number, patient number, number, reference, reference"
            " number, customer ID",
            lazy("Your own ID, up to 20 characters. Left empty, we give the next one."),
        ),
        FileColumn(
            "email",
            "e-mail, email address, mail, email 1, email 1 value, client email, patient email",
            lazy("Such as name@example.org."),
        ),
        FileColumn(
            "other_email",
            "email 2, email 2 value, email 2 address, email 3, email 3 value, email 3 address,"
            " secondary email, alternative email, work email",
            lazy("The e-mail where there is no other; else it goes to the notes."),
        ),
        FileColumn(
            "phone",
            "telephone, mobile, phone number, tel, mobile number, mobile phone, phone mobile, cell"
            " phone, cell, phone 1, phone 1 value, client phone, patient phone",
            lazy("Up to 40 characters."),
        ),
        FileColumn(
            "other_phone",
            "home phone, work phone, landline, phone 2, phone home, phone work, secondary phone,"
            " telephone 2, phone numbers, business phone, phone 2 value, phone 3 value, home, work,"
            " home number, work number, other number, car phone, primary phone, home phone 2,"
            " business phone 2",
            lazy("The phone where there is no other; else it goes to the notes."),
        ),
        FileColumn(
            "notes",
            "note, comment, comments, remarks, client notes, patient notes, alert, alerts, medical"
            " alert, medical alerts, allergies, appointment notes",
            lazy("Up to 4,000 characters."),
        ),
        FileColumn(
            "archived",
            "archived at, is archived, deceased, is deceased, discharged, inactive, deleted,"
            " deleted at, status, client status, patient status",
            lazy("yes, or when, or inactive. The client comes in, archived."),
        ),
    ),
    "bookings": (
        FileColumn(
            "calendar",
            "practitioner, therapist, staff, provider, practitioner email, practitioner name, staff"
            " member, team member, employee, clinician, clinician name, staff name, provider name",
            lazy("E-mail or name of the person it is with."),
            True,
        ),
        FileColumn(
            "venue",
            "location, site, place, business, clinic, location name, office",
            lazy("Needed only for people who work at several venues."),
        ),
        FileColumn(
            "client",
            "patient, client name, patient name, customer, customer name",
            lazy("Internal ID or full name of a client who is in Kalends. May be empty."),
        ),
        FileColumn(
            "client_id",
            "patient ID, internal ID, patient number, client number, customer ID",
            lazy("The client's internal ID in a column of its own."),
        ),
        FileColumn(
            "client_first_name",
            "first name, patient first name, client first",
            lazy("The client's first name, where it has a column of its own."),
        ),
        FileColumn(
            "client_last_name",
            "last name, surname, patient last name, client last",
            lazy("The client's last name, likewise."),
        ),
        FileColumn(
            "service",
            "treatment, appointment type, type, service name, treatment name, treatment type, item",
            lazy("Name of one of your services. May be empty."),
        ),
        FileColumn(
            "date",
            "day, start date, appointment date, appt date, scheduled date, date of service, booking"
            " date, starts on, service date",
            lazy(
                "2026-11-20, 20.11.2026, 20 Nov 2026 … One order of day and month for the whole"
                " file."
            ),
            True,
        ),
        FileColumn(
            "start",
            "start time, from, time, starts at, start at, begin, begins, appointment time,"
            " appointment start, starts, scheduled time, start date time",
            lazy(
                "09:30 or 9:30 am, at the venue. May contain the date, too. Empty for whole days."
            ),
        ),
        FileColumn(
            "end",
            "end time, to, until, ends at, end at, finish, appointment end, ends, finish time, end"
            " date time",
            lazy("An end at or before the start lies on the next day."),
        ),
        FileColumn(
            "duration",
            "minutes, duration minutes, length, duration in minutes, appointment duration, duration"
            " mins",
            lazy("50, 1:30, 1h 15min. Left empty with no end, it is the service's."),
        ),
        FileColumn("all_day", "whole day, full day, all day event", lazy("yes for whole days.")),
        FileColumn(
            "last_day",
            "end date, until date, ends on",
            lazy("For several whole days: the last of them (in Outlook's files the day after)."),
        ),
        FileColumn(
            "zone",
            "time zone, timezone, tz",
            lazy("Where the times are not those of the venue: Europe/London, +01:00."),
        ),
        FileColumn(
            "status",
            "state, appointment status, booking status, arrival status, attendance",
            lazy(
                "One of offered, pending, confirmed, arrived, delivered, invoiced, paid, cancelled,"
                " no-show, or another program's word for it. Left empty: confirmed."
            ),
        ),
        FileColumn(
            "cancelled",
            "canceled, cancelled at, canceled at, cancellation date, is cancelled, cancellation"
            " time, cancelled on, cancelled date",
            lazy("yes, or when it was cancelled."),
        ),
        FileColumn(
            "no_show",
            "did not arrive, did not attend, dna, noshow, did not arrive at, missed, no show at",
            lazy("yes where the client did not come."),
        ),
        FileColumn(
            "arrived",
            "patient arrived, client arrived, arrived at, patient arrived at, client arrived at,"
            " arrival time, checked in, checked in at, check in time",
            lazy("yes, or when the client came."),
        ),
        FileColumn(
            "attended",
            "attended at, client attended, patient attended, showed, showed up, came",
            lazy("yes where the client came. no, of a time that is past: the client did not come."),
        ),
        FileColumn(
            "invoiced",
            "billed, is invoiced, invoiced at, invoiced on, invoice sent",
            lazy("yes, or when it was invoiced."),
        ),
        FileColumn(
            "paid",
            "is paid, paid at, paid on, date paid, payment date, payment status, paid status",
            lazy("yes, when it was paid, or the amount that was paid."),
        ),
        FileColumn(
            "invoice_status",
            "invoice state, invoice, billing status",
            lazy("paid, invoiced or not invoiced, or another program's word for it."),
        ),
        FileColumn(
            "shown_as",
            "show time as, show as, busy status, availability, transparency",
            lazy(
                "tentative comes in as pending. What is shown as free is left out, since a booking"
                " takes time."
            ),
        ),
        FileColumn(
            "rate",
            "price, fee, amount, daily rate, cost, appointment price, total, gross sales, net"
            " sales, gross total, fees, total fee",
            lazy("65, 65.50, 65 GBP, 1,234.50."),
        ),
        FileColumn(
            "notes",
            "note, comment, comments, remarks, appointment notes, subject, description, client"
            " notes",
            lazy("Up to 4,000 characters."),
        ),
    ),
}


TIMES = ("date", "start", "end", "last_day")  # meanings whose dates decide the order
SEVERAL = (  # meanings that several columns may have together
    "notes",
    "other_phone",
    "other_email",
    "archived",
    "cancelled",
    "no_show",
    "arrived",
    "attended",
    "invoiced",
    "invoice_status",
    "paid",
)


# A column that can replace a needed one.
STANDS_FOR = {
    "name": "first_name",
    "start": "date",
}


PRESETS = {  # program → the sets of headings by which its files are recognised
    "Outlook": (
        {"subject", "startdate", "enddate", "alldayevent", "reminderonoff"},
        {"subject", "startdate", "enddate", "alldayevent", "showtimeas"},
        {"subject", "startdate", "enddate", "alldayevent", "meetingorganizer"},
    ),
    "Google Calendar": ({"subject", "startdate", "enddate", "alldayevent"},),
    "Acuity": ({"starttime", "endtime", "type", "calendar"},),
    "Cliniko": (
        {"appointmenttype", "practitioner", "business"},
        {"appointmenttype", "practitioner", "didnotarrive"},
        {"startsat", "endsat", "practitioner"},
    ),
    "Jane": (
        {"treatment", "staffmember"},
        {"patientnumber", "staffmember"},
        {"patientnumber", "mobilephone"},
    ),
    "SimplePractice": (
        {"clinician", "dateofservice"},
        {"clinician", "appointmentstatus"},
        {"clinician", "client"},
    ),
    "Fresha": ({"teammember", "service"}, {"apptdate"}, {"scheduleddate", "teammember"}),
}


MEANT = {  # the meaning of a heading in a program's files, if it is not the usual one
    "Acuity": {
        "firstname": "client_first_name",
        "lastname": "client_last_name",
        "starttime": "start",
        "endtime": "end",
        "type": "service",
        "calendar": "calendar",
        "labels": "",
        "label": "",
        "datescheduled": "",
        "daterescheduled": "",
        "scheduledby": "",
    },
    "Google Calendar": {"location": "notes", "private": ""},
    "Outlook": {
        "location": "notes",
        "reminderonoff": "",
        "reminderdate": "",
        "remindertime": "",
        "private": "",
        "priority": "",
        "sensitivity": "",
        "mileage": "",
        "billinginformation": "",
        "categories": "",
    },
}


# Programs whose end date of whole days is the day after, and those whose end date is the last.
EXCLUSIVE_ENDS, INCLUSIVE_ENDS = (
    ("Outlook",),
    ("Google Calendar",),
)
