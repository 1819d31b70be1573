// The package brings its kernels as files: it is left out of the server's bundle.
export default { serverExternalPackages: ['lanewise'] }
