"""Sealed bytes."""

import pytest

from tandem.errors import StoreError
from tandem.vault import Vault

KEY = Vault.new_key()


def test_sealed_bytes_open_with_the_same_key_and_purpose() -> None:
    assert Vault(KEY).unseal(Vault(KEY).seal(b"cookie", "session"), "session") == b"cookie"


def test_the_same_bytes_are_never_sealed_alike() -> None:
    assert Vault(KEY).seal(b"cookie", "session") != Vault(KEY).seal(b"cookie", "session")


@pytest.mark.parametrize("spoil", [0, 1, 20, -1])
def test_a_changed_byte_is_noticed(spoil: int) -> None:
    sealed = bytearray(Vault(KEY).seal(b"cookie", "session"))
    sealed[spoil] ^= 1
    with pytest.raises(StoreError, match="cannot be opened"):
        Vault(KEY).unseal(bytes(sealed), "session")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01short"])
def test_truncated_bytes_are_refused(sealed: bytes) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        Vault(KEY).unseal(sealed, "session")


def test_another_purpose_or_key_does_not_open() -> None:
    sealed = Vault(KEY).seal(b"cookie", "session of A")
    with pytest.raises(StoreError):
        Vault(KEY).unseal(sealed, "session of B")
    with pytest.raises(StoreError):
        Vault(Vault.new_key()).unseal(sealed, "session of A")


def test_key_of_wrong_length_is_refused() -> None:
    with pytest.raises(StoreError, match="5 bytes instead of 32"):
        Vault(b"short")
