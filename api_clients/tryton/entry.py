"""The records that are written: as a screen would fill them in, with what was ordered."""

from api_clients.tryton import business_partner as partners
from api_clients.tryton import form, product
from api_clients.tryton import production as productions
from api_clients.tryton import sales_order as orders
from api_clients.tryton.client import Client
from api_clients.tryton.values import Row
from tandem.domain.production_order import ProductionOrder
from tandem.domain.sales_order import SalesOrder
from tandem.errors import ValidationFailed
from tandem.http.together import together


async def sale(client: Client, request: SalesOrder) -> Row:
    """A draft of sale.sale. Raises BusinessPartnerUnknown, MaterialUnknown, ValidationFailed."""
    sites = {line.site or client.settings.warehouse for line in request.lines}
    if len(sites) > 1:
        raise ValidationFailed(
            "{system} delivers an order from one warehouse, and {reference} names {sites}. Nothing was changed. "
            "Split the order, then retry.",
            system=client.http.system,
            reference=request.external_reference,
            sites=", ".join(sorted(sites)),
        )
    party, products, currency, units, warehouse = await together(
        partners.by_code(client, request.sold_to_party),
        product.by_code(client, (line.material for line in request.lines)),
        client.directory.currency(request.currency),
        client.directory.units(line.unit for line in request.lines),
        client.directory.warehouse(sites.pop()),
    )
    header = await form.new_sale(client, party["id"], warehouse)
    header["currency"] = currency
    rates = await form.taxes(client, header, products.values())
    return orders.values(request, header, products, units, rates)


async def production(client: Client, request: ProductionOrder) -> Row:
    """A draft of production with the moves of its bill of materials. Raises MaterialUnknown, ValidationFailed."""
    (made, bill), units, warehouse = await together(
        productions.product_and_bill(client, request.material),
        client.directory.units([request.unit]),
        client.directory.warehouse(request.site or client.settings.warehouse),
    )
    product.refuse_other_unit(client, request, made)
    asked = {
        "reference": request.external_reference,
        "product": made["id"],
        "bom": bill,
        "quantity": float(request.quantity),
        "unit": units[request.unit],
        "planned_date": request.planned_on,
    }
    return await form.new_production(client, warehouse, asked)
