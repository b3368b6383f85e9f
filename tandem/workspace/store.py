"""The store of a workspace: where tandem.yaml says."""

from tandem.store.database import Database
from tandem.store.opening import open_database
from tandem.workspace.secret import with_secrets
from tandem.workspace.workspace import Workspace


def open_store(workspace: Workspace) -> Database:
    """The workspace's store, opened and of our schema. Raises UsageError, StoreError."""
    if workspace.store_path is not None:
        return open_database(workspace.store_path)
    store = with_secrets(workspace.configuration.store, workspace.folder)
    password = None if store.password is None else store.password.get_secret_value()
    return open_database(store.url, password=password, patience_s=store.reconnect_s)
