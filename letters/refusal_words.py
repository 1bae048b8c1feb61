"""Why a mail server accepts no letters, in words. No server is asked, since pages show these words
too.
"""

from base.catalogue import lazy

WHY = {  # word of a refusal → the reason why the server accepts no letters
    "ConnectionRefusedError": lazy("nobody answers at the address of the mail server"),
    "gaierror": lazy("there is no server of the name in SMTP_URL"),
    "TimeoutError": lazy("the mail server does not answer"),
    "SMTPServerDisconnected": lazy("the mail server ended the connection or does not answer"),
    "SSLError": lazy("the mail server does not encrypt in the way that SMTP_URL says"),
    "SSLCertVerificationError": lazy("the mail server’s certificate does not prove who it is"),
    "unencrypted": lazy("the mail server cannot encrypt, and others could read the password"),
    "no sign-in": lazy("the mail server takes no password here, or not one with such letters"),
    "sender": lazy("MAIL_FROM is not a usable address"),
}
