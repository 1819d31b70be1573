/** What is wrong with where a file lies: its room or family has no place in the tables. */
export function misplaced(path: string): string | undefined
/** Why a file may not import another, if it may not; both are paths from the root. */
export function refusal(from: string, to: string): string | undefined
