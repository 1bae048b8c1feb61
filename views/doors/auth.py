"""Signing in and out, invitations and resets, one's own password, and the very first clinic."""

import hmac
import re

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user
from werkzeug.datastructures import MultiDict
from wtforms import PasswordField, ValidationError
from wtforms.validators import Length

from base.catalogue import _, lazy
from base.database import AlreadyUsed
from base.tables import outbox
from models import User
from operate import keys
from people import email_addresses, founding, password_rules
from people.credentials import OneTimeToken, ResetRequest
from people.email_addresses import AddressProof
from people.sessions import Session
from views.kit import access, brakes, display, htmx, identity, signing_in
from views.kit.access import login_required
from views.kit.forms import Email, Form, Line, Needed, SignInName, Zone
from views.kit.signing_in import SignIn
from views.kit.words import sync_words

blueprint = Blueprint("auth", __name__)


class NewPassword(PasswordField):
    """A new password: long enough, hard to guess, and short enough to hash. `own`: words about the
    person; a password made only of them is refused.
    """

    own: tuple[str | None, ...] = ()

    def __init__(self, label=lazy("New password"), **kwargs):
        super().__init__(
            label,
            [Needed(_("Choose a password"))],
            render_kw={"autocomplete": "new-password"},
            **kwargs,
        )

    def post_validate(self, form, validation_stopped):
        sentence = None if validation_stopped else password_rules.fault(self.data, self.own)
        if sentence:
            raise ValidationError(sentence)


class Forgotten(Form):
    email = SignInName(
        lazy("E-mail"), lazy("Write your e-mail address"), render_kw={"autocomplete": "username"}
    )


class SetPassword(Form):
    password = NewPassword()


class ChangePassword(Form):
    current = PasswordField(
        lazy("Password now"),
        [Needed(lazy("Write your password")), Length(max=200)],
        render_kw={"autocomplete": "current-password"},
    )
    password = NewPassword()


class Welcome(Form):
    clinic = Line(lazy("Name of the clinic"), 120, lazy("Write the clinic's name"))
    zone_name = Zone(lazy("Time zone"), guess=True)
    name = Line(lazy("Your name"), 120, lazy("Write your name"))
    email = Email(
        lazy("Your e-mail"),
        lazy("Write your e-mail address"),
        render_kw={"autocomplete": "username"},
    )
    password = NewPassword(lazy("Password"))


class SignUp(Form):
    email = Email(
        lazy("Your e-mail"),
        lazy("Write your e-mail address"),
        render_kw={"autocomplete": "username"},
    )


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in():
    if not founding.is_founded():
        return redirect(url_for("auth.welcome"), 303)
    form, kept = SignIn(), request.form.get("kept", "")
    if not form.is_submitted():
        return render_template("auth/sign_in.html", form=form)
    if not form.validate():
        return render_template("auth/sign_in.html", form=form, kept=kept), 422
    with brakes.turn(form.email.data) as has_turn:
        return _try(form, kept) if has_turn else _told_to_wait(form, kept, 60)


def _try(form: SignIn, kept: str):
    """One attempt to sign in. The work and the answer are the same whether or not the person
    exists.
    """
    user = email_addresses.person_at(form.email.data)
    brake = brakes.SignInBrake(form.email.data, user)
    if wait := brake.wait_seconds():
        identity.note_event("braked", user)
        return _told_to_wait(form, kept, wait)
    right = (user or User()).check_password(form.password.data)
    if right and user.is_active:
        brake.succeeded()
        identity.sign_in(user, form.remember.data)
        return signing_in.resume(user, kept) or redirect(_safe(request.args.get("next")), 303)
    identity.note_event("refused", user)
    return render_template("auth/sign_in.html", form=form, kept=kept, refused=True), 422


def _told_to_wait(form: SignIn, kept: str, seconds: int) -> tuple[str, int, dict]:
    return (
        render_template("auth/sign_in.html", form=form, kept=kept, wait=display.minutes(seconds)),
        429,
        {"Retry-After": str(seconds)},
    )


def _safe(target: str | None) -> str:
    """The path to go on to, if it is one of ours: never "//elsewhere", nor a text that browsers
    turn into it (they read "\\" as "/" and skip tabs and line ends).
    """
    return target if target and re.fullmatch(r"/(?!/)[!-\[\]-~]*", target) else access.first_page()


@blueprint.post("/sign-out")
def sign_out():
    identity.sign_out()
    return redirect(url_for("auth.sign_in"), 303)


@blueprint.get("/forgotten")
def forgotten():
    return render_template(
        "auth/forgotten.html", form=Forgotten(), can_mail=outbox.is_set_up(), sent=False
    )


@blueprint.post("/forgotten")
def send_reset():
    """Ask for a password reset. The answer and the work are the same whether or not the person
    exists: a job checks that, and sends the letter.
    """
    brakes.slow_down("reset", brakes.network(), brakes.RESETS)
    form = Forgotten()
    if not form.validate():
        return render_template(
            "auth/forgotten.html", form=form, can_mail=outbox.is_set_up(), sent=False
        ), 422
    if outbox.is_set_up():
        ResetRequest.ask(
            brakes.key("reset of", form.email.data),
            *brakes.origin(form.email.data),
            form.email.data,
        )
    return render_template("auth/forgotten.html", form=form, can_mail=outbox.is_set_up(), sent=True)


@blueprint.route("/invitations/<secret>", methods=["GET", "POST"])
def accept(secret: str):
    """Set a password by a one-time token, and sign in."""
    token = OneTimeToken.find(secret[:100])
    if token is None:
        brakes.slow_down("link", brakes.network(), brakes.TOKENS)
        identity.note_event("link_refused", None)
        return _used_up()
    form = SetPassword()
    form.password.own = token.user.own_words
    if form.validate_on_submit():
        user = token.use(form.password.data)
        if user is None:  # meanwhile
            return _used_up()
        identity.sign_in(user, remember=False, how="link_used")
        flash(_("Your password is set."))
        return redirect(access.first_page(), 303)
    return render_template(
        "auth/accept.html", form=form, user=token.user, purpose=token.purpose
    ), 422 if form.errors else 200


def _used_up() -> tuple[str, int]:
    return render_template(
        "error.html",
        status=404,
        heading=_("This link was used before or has expired"),
        advice=_("Ask the owner of your clinic for a new one, or sign in if you have a password."),
    ), 404


@blueprint.route("/welcome", methods=["GET", "POST"])
@blueprint.route("/welcome/<token>", methods=["GET", "POST"])
def welcome(token: str = ""):
    """Make the first clinic, for the person who has the address that the server printed; or a
    further clinic if sign-up is open.
    """
    settings = current_app.config["SETTINGS"]
    first = keys.welcome_path(settings.secret_keys)
    if not settings.signup_open:
        if first is None:
            abort(404)
        if not hmac.compare_digest(f"/welcome/{token}".encode(), first.encode()):
            if token:
                brakes.slow_down("link", brakes.network(), brakes.TOKENS)
            return render_template(
                "auth/welcome_elsewhere.html"
            ), 403 if token or request.method == "POST" else 200
    if request.method == "POST":
        brakes.slow_down("welcome", brakes.network(), brakes.SIGN_UPS)
    if first is None and outbox.is_set_up():
        return _ask_for_address()
    return _found_clinic(Welcome(), settings.signup_open)


def _ask_for_address():
    """Send an address proof to an unknown person before their clinic is made. The answer is the
    same for every address; only the letter differs.
    """
    form = SignUp()
    if not form.validate_on_submit():
        return render_template("auth/sign_up.html", form=form), 422 if form.errors else 200
    AddressProof.ask(form.email.data)
    return render_template("auth/sign_up.html", form=form, sent=True)


@blueprint.route("/sign-up/<secret>", methods=["GET", "POST"])
def sign_up(secret: str):
    """Make a further clinic, by an address proof of its owner."""
    proof = AddressProof.find(secret[:100])
    is_open = current_app.config["SETTINGS"].signup_open
    if proof is None or proof.user or not is_open:
        brakes.slow_down("link", brakes.network(), brakes.TOKENS)
        identity.note_event("link_refused", None)
        return _used_up()
    return _found_clinic(Welcome(), is_open, proof)


def _found_clinic(form: Welcome, is_open: bool, proof: AddressProof | None = None):
    if proof:
        form.email.process(MultiDict({"email": proof.email}))
    form.password.own = form.name.data, form.email.data, form.clinic.data
    if form.validate_on_submit():
        try:
            owner = founding.sign_up(
                form.clinic.data,
                form.zone_name.data,
                form.name.data,
                form.email.data,
                form.password.data,
                is_open,
                proof,
            )
        except AlreadyUsed:
            form.fault(
                "email",
                _("This did not work with these details. If you have an account, sign in instead"),
            )
        except founding.SignUpClosed:
            abort(404)
        else:
            identity.sign_in(owner, remember=False)
            return redirect(url_for("week.index"), 303)
    return render_template(
        "auth/welcome.html", form=form, is_proved=bool(proof), can_mail=outbox.is_set_up()
    ), 422 if form.errors else 200


@blueprint.route("/addresses/<secret>", methods=["GET", "POST"])
@login_required
def confirm_address(secret: str):
    """Change the address for signing in, by the address proof that was sent to it. The person must
    be signed in: if the address was mistyped, the owner of that mailbox must not get in.
    """
    proof = AddressProof.find(secret[:100])
    if proof is None or proof.user_id != current_user.id:
        brakes.slow_down("link", brakes.network(), brakes.TOKENS)
        return _used_up()
    if request.method == "GET":
        return render_template("auth/address.html", email=proof.email)
    try:
        person = proof.confirm()
    except AlreadyUsed:
        person = None
    if person is None:
        return _used_up()
    flash(_("You sign in as {email} from now on.", email=person.email))
    return redirect(url_for("auth.profile"), 303)


@blueprint.get("/profile")
@login_required
def profile():
    return _profile(ChangePassword())


def _profile(form: ChangePassword) -> str:
    zone = sync_words.zone(access.calendars(), current_user)
    return render_template(
        "auth/profile.html",
        form=form,
        sessions=Session.listed(current_user),
        own=session.row.id,
        zone=zone,
    )


@blueprint.post("/profile/password")
@login_required
def change_password():
    form = ChangePassword()
    form.password.own = current_user.own_words
    if form.validate():
        brakes.slow_down("change", str(session.row.id), brakes.PAIR)
        if current_user.check_password(form.current.data):
            current_user.set_password(form.password.data, current_user)
            identity.sign_in(
                current_user._get_current_object(), session.row.remembered, how="password"
            )
            flash(_("Your password is changed. Everywhere else you are signed out."))
            return htmx.done(url_for("auth.profile"))
        form.fault("current", _("That is not your password"))
    return _profile(form), 422


@blueprint.post("/profile/sessions/<int:session_id>")
@login_required
def end_session(session_id: int):
    """Sign out one of one's own browsers."""
    row = access.session_of_mine(session_id)
    if row.id == session.row.id:
        return sign_out()
    row.end()
    identity.note_event("session_ended", current_user)
    flash(_("That browser is signed out."))
    return htmx.done(url_for("auth.profile"))


@blueprint.post("/profile/sign-outs")
@login_required
def sign_out_everywhere():
    current_user.sign_out_everywhere()
    identity.note_event("everywhere", current_user)
    identity.sign_out()
    flash(_("You are signed out on every device."))
    return redirect(url_for("auth.sign_in"), 303)
