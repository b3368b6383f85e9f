"""What a Salesforce org is told beside its address: the ``settings`` of a system in tandem.yaml."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

ApiName = Annotated[str, Field(pattern=r"^[A-Za-z]\w*$", max_length=80)]
"""The API name of a field. It goes into queries as it is, so nothing else is let in."""


class Settings(BaseModel):
    """The API names of the fields of the fields that an org's administrator made for Tandem.

    On Order: ``sync_status_field`` (picklist), ``sync_message_field`` (long text), ``synced_at_field`` (date/time),
    ``erp_order_number_field``. On Account: ``customer_code_field``, the ERP's number of the customer. On Task:
    ``notice_key_field`` (text, external id, unique). On Product2: ``unit_field``.

    ``currency_field`` None: the org has one currency only and no such field. ``requested_delivery_field``: a date on
    Order; the standard object has none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_version: Annotated[str, Field(pattern=r"^\d{2,3}\.0$")] = "66.0"
    sync_status_field: ApiName = "Sync_Status__c"
    sync_message_field: ApiName = "Sync_Message__c"
    synced_at_field: ApiName = "Synced_At__c"
    erp_order_number_field: ApiName = "ERP_Order_Number__c"
    customer_code_field: ApiName = "ERP_Customer_Code__c"
    notice_key_field: ApiName = "Tandem_Key__c"
    unit_field: ApiName = "QuantityUnitOfMeasure"
    currency_field: ApiName | None = "CurrencyIsoCode"
    requested_delivery_field: ApiName | None = None
