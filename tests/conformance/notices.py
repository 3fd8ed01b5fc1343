"""Judges notices with programs that share nothing with Rollcall: aiosmtpd takes the mail, Python's own parser reads it, icalendar reads the calendar."""

import asyncio
import datetime
import email
import email.policy
import json
import pathlib
import ssl
import sys

work = pathlib.Path(sys.argv[1])


def serve(ports):
    """Takes mail on two ports until it is ended: STARTTLS and TLS from the first byte, both only from whoever logs in."""
    from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(work / "mail.pem", work / "mail.key")
    mails = work / "mails"
    mails.mkdir()

    class Handler:
        async def handle_RCPT(self, server, session, envelope, address, options):
            if address.startswith("nobody@"):
                return "550 5.1.1 There is no such mailbox here"
            envelope.rcpt_tos.append(address)
            return "250 2.1.5 OK"

        async def handle_DATA(self, server, session, envelope):
            number = len(list(mails.glob("*.eml")))
            said = {
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "user": session.auth_data.login.decode() if session.auth_data else None,
                "encrypted": server.transport.get_extra_info("ssl_object") is not None,
                "port": server.transport.get_extra_info("sockname")[1],
                "hello": session.host_name,
            }
            (mails / f"{number:03}.json").write_text(json.dumps(said))
            (mails / f"{number:03}.eml").write_bytes(envelope.original_content)
            return f"250 2.0.0 OK, kept as {number}"

    def let_in(server, session, envelope, mechanism, data):
        known = isinstance(data, LoginPassword) and data.login == b"rollcall" and data.password == b"open sesame"
        return AuthResult(success=known, auth_data=data) if known else AuthResult(success=False, handled=False)

    def protocol(starttls):
        return SMTP(
            Handler(),
            hostname="localhost",
            authenticator=let_in,
            auth_required=True,
            # On the other port TLS stands before the first word, which this server does not see.
            auth_require_tls=starttls,
            require_starttls=starttls,
            tls_context=context if starttls else None,
        )

    async def main():
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: protocol(True), "127.0.0.1", ports[0])
        await loop.create_server(lambda: protocol(False), "127.0.0.1", ports[1], ssl=context)
        (work / "listening").touch()
        await asyncio.Event().wait()

    asyncio.run(main())


def mails():
    """Every letter with what its envelope said."""
    found = []
    for path in sorted((work / "mails").glob("*.eml")):
        raw = path.read_bytes()
        found.append((json.loads(path.with_suffix(".json").read_text()), raw, email.message_from_bytes(raw, policy=email.policy.default)))
    return found


def judge_letter(said, raw, letter, port):
    assert said["encrypted"] and said["user"] == "rollcall" and said["port"] == port, said
    assert said["from"] == "rollcall@example.school", said
    assert raw.isascii() and all(len(line) <= 998 for line in raw.split(b"\r\n")), "lines as RFC 5322 wants them"
    assert not letter.defects, letter.defects
    for part in letter.walk():
        assert not part.defects, part.defects
    assert letter["from"].addresses[0].addr_spec == "rollcall@example.school"
    assert letter["from"].addresses[0].display_name == "Rollcall Grüße", letter["from"]
    assert letter["reply-to"].addresses[0].addr_spec == "it@example.school"
    assert [address.addr_spec for address in letter["to"].addresses] == said["to"]
    assert letter["auto-submitted"] == "auto-generated"
    assert letter["message-id"].endswith("@example.school>"), letter["message-id"]
    age = datetime.datetime.now(datetime.timezone.utc) - letter["date"].datetime
    assert abs(age) < datetime.timedelta(hours=1), age
    assert letter.get_content_type() == "multipart/alternative"
    plain, html = letter.get_body(("plain",)).get_content(), letter.get_body(("html",)).get_content()
    assert "<html" in html and "src=" not in html, html
    return letter["subject"], plain, html


def trial(port, count):
    found = mails()
    assert len(found) == count, [letter["subject"] for _, _, letter in found]
    said, raw, letter = found[-1]
    subject, plain, _ = judge_letter(said, raw, letter, port)
    assert subject == "Rollcall: Mail from Rollcall arrives", subject
    assert "Gymnasium Süd" in plain, plain


def told(port):
    """Exits with 2 while the notice has not come yet."""
    found = [mail for mail in mails() if "ends in" in mail[2]["subject"]]
    if not found:
        sys.exit(2)
    assert len(found) == 1, "once, and to the one who wants it"
    subject, plain, html = judge_letter(*found[0], port)
    assert found[0][0]["to"] == ["it@example.school"], found[0][0]
    assert subject.startswith("Rollcall: TLS certificate ends in 5 days, on "), subject
    assert "https://localhost:" in plain and "Renew it where it comes from" in plain and "Renew it where it comes from" in html


def calendar():
    from icalendar import Calendar

    raw = (work / "calendar.ics").read_bytes()
    assert raw.endswith(b"END:VCALENDAR\r\n") and b"\n" not in raw.replace(b"\r\n", b"")
    assert all(len(line) <= 75 for line in raw.split(b"\r\n")), "folded as RFC 5545, section 3.1"
    read = Calendar.from_ical(raw)
    assert read["VERSION"] == "2.0" and read["PRODID"] and not read.errors, read.errors
    assert "Gymnasium Süd" in read["X-WR-CALNAME"], read["X-WR-CALNAME"]
    events = read.walk("VEVENT")
    uids = [str(event["UID"]) for event in events]
    assert len(events) >= 2 and len(set(uids)) == len(uids), uids
    for event in events:
        assert not event.errors, event.errors
        start, end = event["DTSTART"].dt, event["DTEND"].dt
        assert type(start) is datetime.date and end - start == datetime.timedelta(days=1), (start, end)
        assert event["DTSTAMP"].dt.tzinfo is not None
        for alarm in event.walk("VALARM"):
            assert alarm["ACTION"] == "DISPLAY" and alarm["DESCRIPTION"], alarm
            assert alarm["TRIGGER"].dt < datetime.timedelta(0), alarm["TRIGGER"].dt
    tls = [event for event in events if event["SUMMARY"] == "TLS certificate ends"]
    assert len(tls) == 1, [str(event["SUMMARY"]) for event in events]
    days = sorted(-alarm["TRIGGER"].dt.days for alarm in tls[0].walk("VALARM"))
    assert days == [1, 7, 14, 30, 60], days
    left = (tls[0]["DTSTART"].dt - datetime.datetime.now(datetime.timezone.utc).date()).days
    assert 4 <= left <= 6, left
    # Written anew by another program it says the same.
    again = Calendar.from_ical(read.to_ical())
    assert [str(event["UID"]) for event in again.walk("VEVENT")] == uids
    known = work / "uids.json"
    if known.exists():
        assert json.loads(known.read_text()) == uids, "the same thing has the same UID for ever"
    known.write_text(json.dumps(uids))


if __name__ == "__main__":
    deed, rest = sys.argv[2], [int(word) for word in sys.argv[3:]]
    {"serve": lambda: serve(rest), "trial": lambda: trial(*rest), "told": lambda: told(*rest), "calendar": calendar}[deed]()
