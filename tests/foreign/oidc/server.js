// oidc-provider on loopback, with a resource beside it that asks for its tokens and a clock that can be put forward.
import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'

const HOUR_S = 3600
const realNow = Date.now
let aheadMs = 0
Date.now = () => realNow() + aheadMs

const client = (client_id, client_secret, token_endpoint_auth_method, grant_types, more) =>
  ({ client_id, client_secret, token_endpoint_auth_method, grant_types, redirect_uris: [], response_types: [], ...more })
const withCode = { redirect_uris: ['https://tandem.example/back'], response_types: ['code'] }

const server = createServer().listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`
  const provider = new Provider(url, {
    clients: [
      client('posting', 'top-secret', 'client_secret_post', ['client_credentials'], { scope: 'orders' }),
      client('basic: client', 'p+q %2F:=&!', 'client_secret_basic', ['client_credentials']),
      client('clerk', 'top-secret', 'client_secret_post', ['authorization_code', 'refresh_token'], withCode),
    ],
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: true } },
    scopes: ['openid', 'offline_access', 'orders'],
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    issueRefreshToken: () => true,
    rotateRefreshToken: () => true,
    ttl: { AccessToken: HOUR_S, ClientCredentials: HOUR_S, RefreshToken: 24 * HOUR_S },
    cookies: { keys: ['of the tests'] },
  })
  const isValid = async token =>
    Boolean(((await provider.ClientCredentials.find(token)) ?? (await provider.AccessToken.find(token)))?.isValid)

  provider.use(async (ctx, next) => {
    if (ctx.path === '/orders') {
      const valid = await isValid(ctx.get('authorization').replace(/^Bearer /, ''))
      ctx.status = valid ? 200 : 401
      ctx.body = { valid }
    } else if (ctx.path === '/clock' && ctx.method === 'POST') {
      aheadMs += 1000 * Number(ctx.query.ahead_s)
      ctx.status = 204
    } else {
      await next()
    }
  })
  server.on('request', provider.callback())
  console.log(`listening on ${url}`)
})

process.stdin.resume().on('end', () => process.exit())
