"""ServiceNow: Table API, OAuth token endpoint and the outbound webhook of a business rule.

Source: ServiceNow/ServiceNowDocs, `c_TableAPI.md`, `r_RESTAPIHTTPResponseCodes.md`,
`client-credentials-grant-workflow.md`.
"""
