"""`bearwatch models sign` and `verify`: a bundle on its way between machines. Neither needs a site."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from core.settings import settings


def sign_bundle(directory: str, key_file: Path | None, as_json: bool) -> int:
    """Exit status 0 when it was signed, 2 when it cannot be."""
    from detector.models.bundle import BundleError, ModelBundle
    from detector.models.signature import public_key, sign, signing_key

    if key_file is None:
        print(
            "bearwatch models sign needs --key FILE: the key to sign with, made there when it is new", file=sys.stderr
        )
        return 2
    try:
        bundle, is_new = ModelBundle.load(directory), not key_file.exists()
        key = signing_key(key_file)
        file = sign(bundle, key)
    except (BundleError, OSError) as error:
        print(f"bearwatch models sign: {error}", file=sys.stderr)
        return 2
    if as_json:
        print(json.dumps({"signature": str(file), "key": public_key(key), "runs": bundle.runs}))
        return 0
    if is_new:
        print(f"{key_file} is a new key; keep it apart from the machines that run models.")
    print(f"{file}: {bundle.short_digest} is signed. Who trusts this key sets BEARWATCH_MODEL_KEYS={public_key(key)}")
    return 0


def verify_bundle(directory: str, as_json: bool) -> int:
    """Exit status 0 when every file is what the bundle says, and somebody who is trusted here vouches; 1 otherwise."""
    from detector.models.bundle import BUILT_IN_NAME, BundleError, ModelBundle
    from detector.models.signature import UnsignedError, expect_signed, signer

    trusted = settings().model_keys
    try:
        bundle = ModelBundle.open(directory) if directory == BUILT_IN_NAME else ModelBundle.load(directory)
        bundle.check_files()
        expect_signed(bundle, trusted)
    except BundleError as error:
        print(json.dumps({"ok": False, "why": str(error)}) if as_json else f"Refused: {error}",
              file=sys.stdout if as_json else sys.stderr)  # fmt: skip
        return 1
    try:
        by, unsigned = signer(bundle), ""
    except UnsignedError as error:
        by, unsigned = "", str(error)
    if as_json:
        print(json.dumps({"ok": True, "digest": bundle.digest, "runs": bundle.runs, "files": bundle.files,
                          "signed_by": by, "trusted": by in trusted}))  # fmt: skip
        return 0
    print(f"{bundle.short_digest}: every file is what the bundle says.")
    print(f"Model {bundle.digest}; with all that runs {bundle.runs}.")
    trust = ", which is trusted here" if by in trusted else ""
    print(f"Signed with {by}{trust}." if by else f"No signature: {unsigned}.")
    return 0
