// What tests ask a server by.

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly json: {
    readonly error?: string
    readonly code?: string
    readonly id?: string
    readonly outputs: readonly { name: string; shape: number[]; data: number[]; parameters?: object }[]
  }
}

/** Posts JSON, or bytes as they are. */
export async function post(
  url: string,
  body: BodyInit | object,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const plain = typeof body === 'string' || body instanceof Uint8Array
  const response = await fetch(url, {
    method: 'POST',
    body: plain ? (body as string) : JSON.stringify(body),
    headers,
  })
  return { status: response.status, headers: response.headers, json: (await response.json()) as Answer['json'] }
}

/** A figure of /metrics, by its name with its labels. */
export async function metricOf({ url }: { readonly url: string }, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  return Number(line?.slice(name.length))
}

/** Waits for what comes of itself. */
export async function until(what: () => Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise((done) => setTimeout(done, 20))
}

/** A request of rows of two numbers. */
export const rows = (...data: number[]) => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [data.length / 2, 2], data }],
})
