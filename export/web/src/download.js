/** Returns what a URL has; throws an error that names it where there is nothing. */
export async function download(url) {
  let response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new Error(`${url} could not be loaded: the server does not answer.`, { cause: error });
  }
  if (!response.ok) throw new Error(`${url} could not be loaded: ${response.status} ${response.statusText}`);
  return response;
}
