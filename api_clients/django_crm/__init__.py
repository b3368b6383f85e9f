"""Django-CRM: deals as orders. It has no API; its screens are in ``selectors/`` and ``recordings/``."""
