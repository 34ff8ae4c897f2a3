import { renderErrorList, type Failure, type Renderer } from "#core/http/render.ts";

/**
 * Packer destroys what it has built when a call of its post-processor fails, and shows our text for 400 and 422
 * alone; 401 and 404 it words itself. So everything else answers 422 with the reason, a failure of ours too.
 */
export const renderForPacker: Renderer = (failure) => {
  const { status, message } = failure;
  if ([400, 401, 404, 422].includes(status)) return renderErrorList(failure);
  return renderErrorList({ ...failure, status: 422, message: status < 500 ? message : explain(failure) });
};

/** Packer's user has no reply to look at, only this text: it says where to find more. */
function explain({ expected, message, requestId }: Failure): string {
  return expected || message.includes(requestId) ? message : `${message} (request id ${requestId})`;
}
