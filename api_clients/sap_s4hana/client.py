"""SAP S/4HANA's business APIs over one HTTP port."""

from api_clients.sap_s4hana.service import Service
from tandem.http.port import HttpPort


class Client:
    """The services an SAP system offers; each keeps its own CSRF token and gathers its own reads.

    ``sap_client`` is the three-digit client (Mandant), empty for the system's default one; ``language`` the language
    SAP's messages come in, such as ``EN`` or ``ZH``.
    """

    def __init__(self, http: HttpPort, *, sap_client: str = "", language: str = "EN") -> None:
        headers = {"accept-language": language.lower()} | ({"sap-client": sap_client} if sap_client else {})
        self.http = http
        self.sales_orders = Service(http, "API_SALES_ORDER_SRV", headers)
        self.business_partners = Service(http, "API_BUSINESS_PARTNER", headers)
        self.availability = Service(http, "API_PRODUCT_AVAILY_INFO_BASIC", headers)
