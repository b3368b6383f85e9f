// What SAP does by itself as it saves an order: numbers it and its conditions, and knows its rejection reasons.
const REJECTION_REASONS = ['', '61']
let last = 0

module.exports = service => {
  service.before('CREATE', 'A_SalesOrder', ({ data }) => {
    data.SalesOrder ??= String(++last)
    for (const item of data.to_Item ?? []) {
      item.to_PricingElement?.forEach((element, index) => {
        element.PricingProcedureStep ??= String(index + 1)
        element.PricingProcedureCounter ??= '1'
      })
    }
  })
  service.before('UPDATE', 'A_SalesOrderItem', request => {
    const reason = request.data.SalesDocumentRjcnReason
    if (reason && !REJECTION_REASONS.includes(reason)) {
      request.reject({ status: 400, code: 'VF/001', message: `Rejection reason ${reason} is not defined` })
    }
  })
}
