"""What can go wrong with a file, said for people."""

from __future__ import annotations

from portal.core.errors import Invalid, TooManyRequests, Unavailable, UnsupportedType


class RefusedFile(Invalid):
    """The file is of an accepted type but cannot be taken as it is."""

    code = "file_refused"
    message = "这个文件不能上传。"
    next_step = "请检查文件后重新上传，或者换一个文件。"


class RefusedType(UnsupportedType):
    """Not an image or a PDF, or not what its name says."""

    code = "file_type_refused"
    message = "只能上传图片（JPG、PNG、GIF、WebP）和 PDF 文件。"
    next_step = "请把材料拍照，或者另存为 PDF 后重新上传。"


class InfectedFile(Invalid):
    """The virus scanner found something."""

    code = "file_infected"
    message = "这个文件没有通过病毒检查，没有保存。"
    next_step = "请先用杀毒软件检查您的设备，或者换一台设备重新拍照上传。"


class ScannerUnavailable(Unavailable):
    """The virus scanner is switched on and does not answer; nothing is accepted unscanned."""

    code = "scanner_unavailable"
    message = "文件检查服务暂时不可用，文件没有保存。"
    next_step = "请过几分钟再上传。"


class StorageUnavailable(Unavailable):
    """The disk is full or cannot be written; nothing was kept."""

    code = "storage_unavailable"
    message = "暂时无法保存文件，文件没有上传成功。"
    next_step = "请稍后再上传；如果一直不行，请拨打页面上的服务电话。"


class DamagedFile(Unavailable):
    """The stored content is missing or is not what was uploaded."""

    code = "file_damaged"
    message = "这个文件已经损坏或丢失，暂时无法打开。"
    next_step = "请联系工作人员；如果手边还有原件，请重新上传。"


class QuotaUsedUp(TooManyRequests):
    """A resident's daily number or volume of uploads is used up."""

    code = "upload_quota_used_up"
    message = "您今天上传的文件已经达到上限。"
    next_step = "请明天再上传；确有急需，请拨打页面上的服务电话。"
