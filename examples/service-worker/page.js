async function start() {
  await navigator.serviceWorker.register('service-worker.js')
  await navigator.serviceWorker.ready
  if (!navigator.serviceWorker.controller)
    await new Promise((done) => navigator.serviceWorker.addEventListener('controllerchange', done, { once: true }))
  const pixels = await (await fetch('seven.bin')).arrayBuffer()
  // Nothing on the network has this address: the service worker answers.
  const { digit, probability } = await (await fetch('digit', { method: 'POST', body: pixels })).json()
  document.querySelector('output').textContent = `${digit} (${Math.round(100 * probability)} %)`
}
start()
