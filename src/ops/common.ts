// The operators that the browser and edge entries register: what feed-forward vision, audio, recurrent and transformer models use.
import { Transpose } from './transpose.js'

export const commonOps: readonly unknown[] = [Transpose]
