// The numbers of kernels' functions as one object, for own operators. In a file of its own: esbuild puts such an object
// beside what it names, and apps that only run models would carry it.
export * from '../../assembly/abi/codes.js'
