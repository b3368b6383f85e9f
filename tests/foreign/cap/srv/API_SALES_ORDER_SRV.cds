// The part of SAP's API_SALES_ORDER_SRV that Tandem uses, with the field types of the published EDMX.
@path: 'API_SALES_ORDER_SRV'
@requires: 'authenticated-user'
service API_SALES_ORDER_SRV {

  @cds.query.limit: 4
  entity A_SalesOrder {
    key SalesOrder              : String(10);
        SalesOrderType          : String(4) @mandatory;
        SalesOrganization       : String(4) @mandatory;
        DistributionChannel     : String(2);
        OrganizationDivision    : String(2);
        SoldToParty             : String(10) @mandatory;
        PurchaseOrderByCustomer : String(35);
        TransactionCurrency     : String(5);
        RequestedDeliveryDate   : Date;
        TotalCreditCheckStatus  : String(1) @readonly;
        LastChangeDateTime      : Timestamp @odata.etag @cds.on.insert: $now @cds.on.update: $now;
        to_Item                 : Composition of many A_SalesOrderItem on to_Item.SalesOrder = SalesOrder;
  }

  entity A_SalesOrderItem {
    key SalesOrder                  : String(10);
    key SalesOrderItem              : String(6);
        Material                    : String(40);
        RequestedQuantity           : Decimal(15, 3);
        RequestedQuantityUnit       : String(3);
        ProductionPlant             : String(4);
        SalesDocumentRjcnReason     : String(2) default '';
        ConfdDelivQtyInOrderQtyUnit : Decimal(15, 3) @readonly;
        NetAmount                   : Decimal(16, 3) @readonly;
        to_PricingElement           : Composition of many A_SalesOrderItemPrElement
                                        on  to_PricingElement.SalesOrder = SalesOrder
                                        and to_PricingElement.SalesOrderItem = SalesOrderItem;
  }

  entity A_SalesOrderItemPrElement {
    key SalesOrder              : String(10);
    key SalesOrderItem          : String(6);
    key PricingProcedureStep    : String(3);
    key PricingProcedureCounter : String(3);
        ConditionType           : String(4);
        ConditionRateValue      : Decimal(24, 9);
        ConditionCurrency       : String(5);
        ConditionQuantity       : Decimal(5, 0);
        ConditionQuantityUnit   : String(3);
        ConditionInactiveReason : String(1) default '';
  }
}
