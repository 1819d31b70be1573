// Stands for folder-log.ts in the build for browsers, where no run has a folder: fit has refused one before.
export { ListLog as FolderLog } from './run-log.js'
