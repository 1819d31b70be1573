// Before each file of tests of training: files share a process, and each shall find no device, as if it were the first.
import { LanewiseError } from '../../../src/core/errors.js'
import { Device } from '../../../src/autograd/device.js'

try {
  Device.current.dispose()
} catch (error) {
  if (!(error instanceof LanewiseError)) throw error
}
