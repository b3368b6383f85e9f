// Binds loopback only, where CAP's own server listens on every interface; tells its address; ends with its standard input.
const cds = require('@sap/cds')
const express = require('express')

process.stdin.resume().on('end', () => process.exit())
cds.on('listening', ({ server }) => console.log(`listening on http://127.0.0.1:${server.address().port}`))

module.exports = options => {
  const app = express()
  app.listen = port => express.application.listen.call(app, port, '127.0.0.1')
  return cds.server({ ...options, app })
}
