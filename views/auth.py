"""Signing in and out, invitations and resets, one's own password, and the very first clinic."""

import hashlib
import hmac
import re

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user
from peewee import IntegrityError
from wtforms import BooleanField, PasswordField
from wtforms.validators import Length

import letters
import outbox
from credentials import OneTimeLink, ResetRequest, Throttle
from models import SHORTEST_PASSWORD, Clinic, User, database
from operate import keys

from . import access, htmx
from .access import login_required
from .forms import Email, Form, Line, Needed, Zone

blueprint = Blueprint("auth", __name__)

ACCOUNT_TRIES, ADDRESS_TRIES = 5, 30


class NewPassword(PasswordField):
    """A password to be set: long enough, and bounded for the hash."""

    def __init__(self, label="New password", **kwargs):
        bounds = Length(SHORTEST_PASSWORD, 200, f"Use at least {SHORTEST_PASSWORD} characters; a short sentence is good")
        super().__init__(label, [Needed("Choose a password"), bounds], render_kw={"autocomplete": "new-password"}, **kwargs)


class SignIn(Form):
    email = Email("E-mail", "Write your e-mail address", render_kw={"autocomplete": "username"})
    password = PasswordField("Password", [Needed("Write your password"), Length(max=200)], render_kw={"autocomplete": "current-password"})
    remember = BooleanField("Stay signed in on this device")


class Forgotten(Form):
    email = Email("E-mail", "Write your e-mail address", render_kw={"autocomplete": "username"})


class SetPassword(Form):
    password = NewPassword()


class ChangePassword(Form):
    current = PasswordField("Password now", [Needed("Write your password"), Length(max=200)], render_kw={"autocomplete": "current-password"})
    password = NewPassword()


class Welcome(Form):
    clinic = Line("Name of the clinic", 120, "Write the clinic's name")
    zone_name = Zone("Time zone")
    name = Line("Your name", 120, "Write your name")
    email = Email("Your e-mail", "Write your e-mail address", render_kw={"autocomplete": "username"})
    password = NewPassword("Password")


def _throttle_key(kind: str, value: str) -> str:
    """Addresses and e-mails are kept as keyed hashes only."""
    return hmac.new(current_app.config["SECRET_KEY"].encode(), f"throttle|{kind}|{value}".encode(), hashlib.sha256).hexdigest()


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in():
    if not User.select().exists():
        return redirect(url_for("auth.welcome"), 303)
    form = SignIn()
    if not form.is_submitted():
        return render_template("auth/sign_in.html", form=form)
    account = _throttle_key("account", form.email.data or "")
    address = _throttle_key("address", request.remote_addr or "")
    if wait := Throttle.wait_seconds([account, address]):
        return render_template("auth/sign_in.html", form=form, wait=wait), 429
    if form.validate():
        user = User.get_or_none(User.email == form.email.data)
        right = (user or User()).check_password(form.password.data)
        if right and user.is_active:
            Throttle.forget(account, address)  # a whole clinic may share one address: their slips must not add up
            access.sign_in(user, form.remember.data)
            return redirect(_safe(request.args.get("next")), 303)
        Throttle.fail(account, ACCOUNT_TRIES)
        Throttle.fail(address, ADDRESS_TRIES)
    return render_template("auth/sign_in.html", form=form, refused=not form.errors), 422


def _safe(target: str | None) -> str:
    """Only a path of ours: never "//elsewhere", nor what browsers make of it (they read "\\" as "/" and skip tabs and line ends)."""
    return target if target and re.fullmatch(r"/(?!/)[!-\[\]-~]*", target) else url_for("week.index")


@blueprint.post("/sign-out")
def sign_out():
    access.sign_out()
    return redirect(url_for("auth.sign_in"), 303)


@blueprint.get("/forgotten")
def forgotten():
    return render_template("auth/forgotten.html", form=Forgotten(), can_mail=outbox.is_set_up(), sent=False)


@blueprint.post("/forgotten")
def send_reset():
    """The same answer and the same work whether or not there is such a person: a job looks, and sends the letter."""
    key = _throttle_key("reset", request.remote_addr or "")
    if Throttle.wait_seconds([key]):
        abort(429)
    Throttle.fail(key, 5)
    form = Forgotten()
    if not form.validate():
        return render_template("auth/forgotten.html", form=form, can_mail=outbox.is_set_up(), sent=False), 422
    if outbox.is_set_up():
        ResetRequest.ask(_throttle_key("reset of", form.email.data), form.email.data)
        letters.wake()
    return render_template("auth/forgotten.html", form=form, can_mail=outbox.is_set_up(), sent=True)


@blueprint.route("/invitations/<secret>", methods=["GET", "POST"])
def accept(secret: str):
    """Set a password through a one-time link, and sign in."""
    link = OneTimeLink.find(secret[:100])
    if link is None:
        return _used_up()
    form = SetPassword()
    if form.validate_on_submit():
        user = link.use(form.password.data)
        if user is None:  # meanwhile
            return _used_up()
        access.sign_in(user, remember=False)
        flash("Your password is set.")
        return redirect(url_for("week.index"), 303)
    return render_template("auth/accept.html", form=form, user=link.user, purpose=link.purpose), 422 if form.errors else 200


def _used_up() -> tuple[str, int]:
    return render_template("error.html", status=404, heading="This link has been used or is too old",
                           advice="Ask the owner of your clinic for a new one, or sign in if you have a password."), 404


@blueprint.route("/welcome", methods=["GET", "POST"])
@blueprint.route("/welcome/<token>", methods=["GET", "POST"])
def welcome(token: str = ""):
    """The first clinic, for who has the address that the server printed; or a further one where sign-up is open."""
    settings = current_app.config["SETTINGS"]
    first = keys.welcome_path(settings.secret_keys)
    if not settings.signup_open:
        if first is None:
            abort(404)
        if not hmac.compare_digest(f"/welcome/{token}".encode(), first.encode()):
            return render_template("auth/welcome_elsewhere.html"), 403 if token or request.method == "POST" else 200
    form = Welcome()
    if form.validate_on_submit():
        try:
            with database.atomic():
                owner = Clinic.found(form.clinic.data, form.zone_name.data, form.name.data, form.email.data)
                owner.set_password(form.password.data, owner)
        except IntegrityError:
            form.fault("email", "This address is in use. Sign in instead")
        else:
            access.sign_in(owner, remember=False)
            return redirect(url_for("week.index"), 303)
    return render_template("auth/welcome.html", form=form), 422 if form.errors else 200


@blueprint.get("/profile")
@login_required
def profile():
    return render_template("auth/profile.html", form=ChangePassword())


@blueprint.post("/profile/password")
@login_required
def change_password():
    form = ChangePassword()
    key = _throttle_key("account", current_user.email)
    if Throttle.wait_seconds([key]):
        abort(429)
    if form.validate():
        if current_user.check_password(form.current.data):
            current_user.set_password(form.password.data, current_user)
            access.sign_in(User.get_by_id(current_user.id), remember=False)
            flash("Your password is changed. Everywhere else you are signed out.")
            return htmx.done(url_for("auth.profile"))
        Throttle.fail(key, ACCOUNT_TRIES)
        form.fault("current", "That is not your password")
    return render_template("auth/profile.html", form=form), 422


@blueprint.post("/profile/sign-outs")
@login_required
def sign_out_everywhere():
    current_user.sign_out_everywhere()
    access.sign_out()
    flash("You are signed out on every device.")
    return redirect(url_for("auth.sign_in"), 303)
