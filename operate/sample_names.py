"""The people and data of the sample clinic. All of it is invented."""

from base import opening_hours


def _week(days: str, *stretches: tuple[str, str]) -> opening_hours.Hours:
    return {day: [list(stretch) for stretch in stretches] for day in days.split()}


FULL = _week("mon tue wed thu fri", ("08:30", "12:30"), ("13:30", "17:30"))


VENUES = (  # name, address, zone
    ("Linden Street", "4 Linden Street, London N1 9ZZ", "Europe/London"),
    ("Harbour House", "9 Pier Road, Brooklyn, New York 11201", "America/New_York"),
)


PEOPLE = (  # name, sign-in, role, {venue: (colour, hours)}
    ("Olivia Linden", "owner", "owner", {}),
    ("Marcus Bell", "manager", "manager", {}),
    ("Grace Novak", "reception", "receptionist", {}),
    ("Lea Moreau", "lea", "practitioner", {0: ("teal", FULL)}),
    (
        "Tomasz Zieliński",
        "tomasz",
        "practitioner",
        {0: ("blue", _week("mon tue thu fri", ("09:00", "13:00"), ("14:00", "18:00")))},
    ),
    (
        "Amara Okafor",
        "amara",
        "practitioner",
        {
            0: ("amber", _week("mon tue wed", ("09:00", "12:30"), ("13:30", "17:00"))),
            1: ("amber", _week("thu fri", ("10:00", "13:00"), ("14:00", "18:00"))),
        },
    ),
    ("Hannah O’Brien", "hannah", "practitioner", {1: ("green", FULL)}),
    (
        "田中 Kenji",
        "kenji",
        "practitioner",
        {1: ("red", _week("tue wed thu fri sat", ("09:00", "12:00"), ("13:00", "17:00")))},
    ),
)


SERVICES = (  # name, minutes, buffer, price in pence, colour, bookable online
    ("Shoulder assessment", 60, 10, 7500, "teal", True),
    ("Follow-up treatment", 40, 5, 5200, "blue", True),
    ("Sports massage", 50, 10, 6000, "green", True),
    ("Post-surgery rehabilitation", 50, 10, 6800, "grey", False),
    ("Pelvic health consultation", 60, 15, 8200, "red", False),
    ("Home visit", 90, 30, 11500, "amber", False),
    ("Pilates class", 55, 5, 1800, "green", True),
    ("Locum day", 480, 0, 45000, "grey", False),
)


CLIENTS = """Małgorzata Wójcik|Seán Ó Súilleabháin|D’Arcy O’Connell|Zoë Brontë|Jürgen Groß
Søren Kjærgaard|Łukasz Żółć|Đorđe Đurić
Ana-María Núñez Peña|François L’Écuyer|Ágnes Kovács|Ísold Þórsdóttir
İpek Yıldız|Niamh Ní Bhriain|王 小明|陳 美玲|佐藤 花子|高橋 健|김 민준
이 서연|Анна Иванова|Дмитро Шевченко|Ελένη Παπαδοπούλου|ليلى حسن
محمد عبد الله|נועה לוי|प्रिया शर्मा|ณัฐพล ศรีสุข
Nguyễn Thị Minh Khai|Björk
Maximilian-Alexander Theodor von und zu Hohenstein-Waldburg-Zeil-Trauchburg the Younger
James Carter|Emily Watson|Oliver Hughes|Grace Adeyemi|Harry Singh|Chloe Martin
Jack Thompson|Fatima Begum|Noah Williams
Mia Rossi|Leo Fischer|Ella Johansson|Samuel Cohen|Isla MacDonald|Ethan Brooks
Ruby Edwards|Daniel Mensah|Poppy Clarke
Lucas Silva|Sophie Dubois|Aaron Kaplan|Megan Lloyd|Victor Ionescu|Hana Nováková|Ravi Patel
Alice Munro|George Baker
Nina Petrova|Owen Price""".replace("\n", "|").split("|")


NOTES = (
    "",
    "",
    "",
    "",
    "Prefers the ground floor.",
    "Bring the exercise sheet.",
    "Parking booked.",
    "Referral letter on file.",
    "First visit.",
)


SERIES = ((1, 26), (2, 20), (1, 12), (2, 26), (4, 13))  # interval in weeks, number of appointments


ONLINE = {  # texts for clients on the booking page
    "phone": "+44 20 7946 0000",
    "welcome": "Choose what you need and a time that suits you. It takes two minutes.",
    "cancellation": "You can move or cancel free of charge until 24 hours before.",
    "consent": "The clinic keeps my name and contact to make and manage this appointment.",
}
