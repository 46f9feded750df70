"""A day in the life of a Python client, with the package that openapi-python-client made from openapi/kith-v1.json."""

import sys

from kith_client import AuthenticatedClient
from kith_client.api.contacts import create_contact, delete_contact, get_contact, update_contact
from kith_client.api.organizations import create_organization
from kith_client.models import ContactCreate, ContactUpdate, OrganizationCreate, Problem


def main(url: str, api_key: str) -> None:
    kith = AuthenticatedClient(base_url=url, token=api_key, prefix="", auth_header_name="x-api-key")

    organization = create_organization.sync(client=kith, body=OrganizationCreate(name="Analytical Engines"))
    contact = create_contact.sync(
        client=kith,
        body=ContactCreate(first_name="Ada", last_name="Lovelace", emails=["ada@example.com"], organization_ids=[organization.id]),
    )
    assert contact.version == 1 and contact.organization_ids == [organization.id], contact

    updated = update_contact.sync(contact.id, client=kith, body=ContactUpdate(last_name="King"))
    assert (updated.version, updated.first_name, updated.last_name) == (2, "Ada", "King"), updated

    read = get_contact.sync(contact.id, client=kith)
    assert read.contact.last_name == "King" and read.custom_columns == [], read

    refused = create_contact.sync_detailed(client=kith, body=ContactCreate(first_name=""))
    assert refused.status_code == 400 and isinstance(refused.parsed, Problem), refused
    assert refused.parsed.errors[0].pointer == "/firstName", refused.parsed

    deleted = delete_contact.sync(contact.id, client=kith)
    assert str(deleted) == str(contact.id), deleted
    gone = get_contact.sync_detailed(contact.id, client=kith)
    assert gone.status_code == 404 and isinstance(gone.parsed, Problem), gone

    print("python: created, linked, updated, read, refused, deleted")


if __name__ == "__main__":
    main(*sys.argv[1:])
