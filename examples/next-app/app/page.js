export default function Page() {
  return <p>curl --data-binary @../seven.bin localhost:3000/api/digit</p>
}
