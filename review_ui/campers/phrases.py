"""What the camper page says, in every language that it speaks: short sentences for people who have been woken up.

A language is one table. A key that a language lacks is an error at start-up, not a gap on a page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

DEFAULT: Final = "en"

_EN: Final = {
    "language": "English",
    "title": "Bears at {campsite}",
    "warning": "BEAR WARNING",
    "since": "A bear was seen here. Warning since {clock}.",
    "last_seen": "Last seen at {clock}.",
    "none": "No bear warning now",
    "not_a_promise": "That is not a promise. A bear can come at any time. Keep food locked away.",
    "partly_blind": "Some cameras are not watching now. A bear may pass without a warning.",
    "blind": "The cameras are not watching now",
    "unwatched_since": "Not watching since {clock}.",
    "blind_means": "Nobody is watching through them. Do not take a missing warning as a sign that there is no bear.",
    "off": "This page is not in service",
    "off_means": "A camera system is being tried out here. It warns nobody yet: not on this page, and not otherwise. "
    "Be as careful as if it did not exist.",
    "as_of": "As of {clock}. This page renews itself.",
    "stale": "This page has not been renewed since {clock}. Do not rely on it.",
    "what_to_do": "What to do",
    "do_warning_1": "Stay together. Keep children and dogs close.",
    "do_warning_2": "Do not go near the bear. Do not run.",
    "do_warning_3": "If it comes close: stand tall, make noise, back away slowly.",
    "do_food": "Put food, rubbish and everything that smells into the bear locker.",
    "do_report": "Tell us if you see a bear.",
    "emergency": "In danger, call the emergency number: 911 in the USA, 112 in Europe.",
    "report": "I see a bear",
    "report_lead": "Only from a safe place. Rangers read this.",
    "report_text": "Where is it, and what is it doing?",
    "report_hint": "Leave it empty if you are in a hurry.",
    "complaint": "Complain",
    "complaint_lead": "Alarms for nothing, alarms that did not come, anything else. A ranger reads it.",
    "complaint_text": "What is wrong?",
    "appeal": "This warning is wrong",
    "appeal_lead": "Another ranger then looks at the pictures again, without knowing the first decision.",
    "appeal_text": "What was it, if you saw it?",
    "no_warning_to_appeal": "There is no warning at this campsite now. If something was wrong, complain instead.",
    "privacy": "Write no names and no telephone numbers. What you write is deleted after {days} days.",
    "send": "Send",
    "back": "Back",
    "sent_report": "Thank you. The rangers have your report. Stay away from the bear.",
    "sent_complaint": "Thank you. A ranger reads every complaint.",
    "sent_appeal": "Thank you. Another ranger looks at the pictures again. Until then the warning stands.",
    "too_many": "Many messages came just now, and the rangers have them. Try again in {minutes} min.",
    "too_long": "Please write at most {most} characters; these are {length}.",
    "say_something": "Please write what is wrong.",
    "no_such_campsite": "There is no such campsite. Look at the address on the board again.",
    "campsites": "Campsites",
}

_ES: Final = {
    "language": "Español",
    "title": "Osos en {campsite}",
    "warning": "AVISO DE OSO",
    "since": "Se vio un oso aquí. Aviso desde las {clock}.",
    "last_seen": "Visto por última vez a las {clock}.",
    "none": "No hay aviso de oso ahora",
    "not_a_promise": "No es una promesa. Un oso puede venir en cualquier momento. Guarde la comida bajo llave.",
    "partly_blind": "Algunas cámaras no vigilan ahora. Un oso puede pasar sin aviso.",
    "blind": "Las cámaras no vigilan ahora",
    "unwatched_since": "No vigilan desde las {clock}.",
    "blind_means": "Nadie vigila con ellas. Que no haya aviso no significa que no haya osos.",
    "off": "Esta página no está en servicio",
    "off_means": "Aquí se prueba un sistema de cámaras. Todavía no avisa a nadie: ni en esta página ni de otra manera. "
    "Tenga el mismo cuidado que si no existiera.",
    "as_of": "A las {clock}. Esta página se renueva sola.",
    "stale": "Esta página no se ha renovado desde las {clock}. No confíe en ella.",
    "what_to_do": "Qué hacer",
    "do_warning_1": "No se separen. Mantenga cerca a los niños y a los perros.",
    "do_warning_2": "No se acerque al oso. No corra.",
    "do_warning_3": "Si se acerca: póngase de pie, haga ruido, retroceda despacio.",
    "do_food": "Guarde la comida, la basura y todo lo que huela en la caja para osos.",
    "do_report": "Avísenos si ve un oso.",
    "emergency": "En peligro, llame a emergencias: 911 en EE. UU., 112 en Europa.",
    "report": "Veo un oso",
    "report_lead": "Solo desde un lugar seguro. Lo leen los guardaparques.",
    "report_text": "¿Dónde está y qué hace?",
    "report_hint": "Déjelo vacío si tiene prisa.",
    "complaint": "Quejarse",
    "complaint_lead": "Avisos sin motivo, avisos que no llegaron, cualquier otra cosa. Lo lee un guardaparques.",
    "complaint_text": "¿Qué está mal?",
    "appeal": "Este aviso es un error",
    "appeal_lead": "Otro guardaparques mira las imágenes de nuevo, sin conocer la primera decisión.",
    "appeal_text": "¿Qué era, si lo vio?",
    "no_warning_to_appeal": "No hay aviso en este campamento ahora. Si algo estuvo mal, presente una queja.",
    "privacy": "No escriba nombres ni teléfonos. Lo que escriba se borra después de {days} días.",
    "send": "Enviar",
    "back": "Volver",
    "sent_report": "Gracias. Los guardaparques tienen su aviso. Aléjese del oso.",
    "sent_complaint": "Gracias. Un guardaparques lee cada queja.",
    "sent_appeal": "Gracias. Otro guardaparques mira las imágenes de nuevo. Hasta entonces el aviso sigue en pie.",
    "too_many": "Acaban de llegar muchos mensajes y los guardaparques los tienen. Pruebe de nuevo en {minutes} min.",
    "too_long": "Escriba como máximo {most} caracteres; estos son {length}.",
    "say_something": "Escriba qué está mal, por favor.",
    "no_such_campsite": "No existe ese campamento. Mire otra vez la dirección en el tablón.",
    "campsites": "Campamentos",
}

LANGUAGES: Final[Mapping[str, Mapping[str, str]]] = {"en": _EN, "es": _ES}

_LACKING: Final = {name: _EN.keys() ^ table.keys() for name, table in LANGUAGES.items() if _EN.keys() != table.keys()}
if _LACKING:
    raise RuntimeError(f"the camper page's languages do not say the same: {_LACKING}")

_ACCEPTED: Final = re.compile(r"\s*([a-z]{2,3})(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q=([01](?:\.\d{1,3})?))?\s*")


def language(asked: str, accept: str) -> str:
    """The language to speak: the one asked for, else what the browser prefers (``Accept-Language``), else English."""
    if asked in LANGUAGES:
        return asked
    wanted: list[tuple[float, str]] = []
    for part in accept[:500].split(","):
        match = _ACCEPTED.fullmatch(part)
        if match and match[1] in LANGUAGES:
            wanted.append((float(match[2] or 1.0), match[1]))
    return max(wanted, key=lambda each: each[0], default=(0.0, DEFAULT))[1]
