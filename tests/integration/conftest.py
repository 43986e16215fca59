# SPDX-License-Identifier: MIT
"""One relay for the tests that leave it whole; a test that changes, kills or starves a relay starts its own."""
import mail
import pytest

pytest_plugins = ["timelimit", "relay_fixture", "internet", "lab_site", "turn_lab", "iroh_lab"]


@pytest.fixture(scope="session")
def sender(relay):
    return relay.new_account()


@pytest.fixture
def receiver(relay):
    return relay.new_account()


@pytest.fixture
def deliver(relay, sender):
    """Sends one message to an account and asserts that it was taken."""

    def send(account, message=None):
        message = message or mail.encrypted(sender.address)
        with relay.smtp(sender) as smtp:
            assert smtp.send_message(sender.address, [account.address], message)[0] == 250
        return message

    return send
