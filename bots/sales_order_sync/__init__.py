"""CRM orders into the ERP: stock checked, order created or 待补货, the CRM and the salesperson told."""
